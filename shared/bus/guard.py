"""What goes over the wire is measured first: an overflow would close the connection for good. What comes is looked at.

The client's own check leaves headers out; here they count.

The broker checks who may publish to a subject, but not where an answer is asked to go, nor where a consumer delivers:
who may read a stream could have the broker itself say what is stored there, on a subject that is another's. Such a
message shows its origin, in a header or in where it wants its own answer, and is refused by who receives it.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import PayloadTooLarge

__all__ = ["check", "header_bytes", "relayed"]

_RESERVE = 4096
"""Left free below the server's limit, for the subject, the reply inbox and what the server adds."""


_INBOX = "_INBOX"
_ORIGIN = "Nats-Stream"


def relayed(headers: Mapping[str, str] | None, reply: str = "") -> str:
    """Why a message is not its sender's own word, but one that the broker was made to repeat; else empty."""
    if headers and _ORIGIN in headers:
        return f"the broker repeats what stands in {headers[_ORIGIN]}"
    if reply and not reply.startswith(_INBOX):
        return f"its answer shall go to {reply}, which is no inbox"
    return ""


def header_bytes(headers: Mapping[str, str]) -> int:
    """Bytes of a header block on the wire, its first and last line included."""
    if not headers:
        return 0
    return len("NATS/1.0\r\n\r\n") + sum(
        len(f"{key}: {value}\r\n".encode()) for key, value in headers.items()
    )


def check(subject: str, body: bytes, headers: Mapping[str, str], *, limit: int) -> None:
    """Raise `PayloadTooLarge` unless body and headers fit below `limit` (`max_payload`, bytes)."""
    size, most = len(body) + header_bytes(headers), limit - _RESERVE
    if size > most:
        raise PayloadTooLarge(
            f"message of {size} bytes to {subject}: the broker takes {most}; "
            "lower the frame size or quality, or raise the broker's max_payload"
        )

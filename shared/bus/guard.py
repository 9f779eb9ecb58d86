"""What goes over the wire is measured first: an overflow would close the connection for good.

The client's own check leaves headers out; here they count.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import PayloadTooLarge

__all__ = ["check", "header_bytes"]

_RESERVE = 4096
"""Left free below the server's limit, for the subject, the reply inbox and what the server adds."""


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

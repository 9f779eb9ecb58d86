"""What JetStream stores: append with a fence, direct get, purge.

Nothing is retried here: the caller decides, since only it knows whether a lost acknowledgement matters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from shared.bus.connection import Connection
from shared.errors import Conflict, NoResponders, Overloaded, PayloadTooLarge, TransportError

__all__ = ["Ack", "Stored", "append", "count", "delete", "get", "last", "purge"]

EXPECT_LAST = "Nats-Expected-Last-Subject-Sequence"
MSG_ID = "Nats-Msg-Id"

_CONFLICT = {10071, 10164}
_FULL = {10023, 10047, 10077, 10122}
"""Insufficient resources, no storage left, stream or subject full (discard new)."""
_TOO_LARGE = {10054, 10097}
_NO_MESSAGE = 10043


class Stored(NamedTuple):
    """A message as JetStream holds it."""

    subject: str
    seq: int
    body: bytes
    headers: Mapping[str, str]
    time: float
    """The broker's timestamp, unix seconds."""


class Ack(NamedTuple):
    """JetStream has the message."""

    seq: int
    duplicate: bool
    """It had one of this message id already and stored nothing."""


def failure(what: str, error: Mapping[str, Any]) -> TransportError:
    """The error of a JetStream answer in our terms."""
    code, text = int(error.get("err_code", 0)), str(error.get("description", "unknown error"))
    if code in _CONFLICT:
        return Conflict(f"{what}: somebody else wrote first ({text})")
    if code in _FULL or ("maximum" in text and "exceeded" in text and code not in _TOO_LARGE):
        return Overloaded(f"{what}: full ({text}): slow down, or raise its bound")
    if code in _TOO_LARGE:
        return PayloadTooLarge(f"{what}: {text}")
    if int(error.get("code", 0)) == 404:
        return TransportError(f"{what}: {text}: run `dsb init` once for this broker")
    return TransportError(f"{what}: {text} ({code})")


async def append(
    conn: Connection,
    subject: str,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    expect_last: int | None = None,
    msg_id: str = "",
    timeout: float | None = None,
) -> Ack:
    """Store a message; raises `Conflict`, `Overloaded`, `PayloadTooLarge`, `BusTimeout` (stored or not)."""
    sent = dict(headers or {})
    if expect_last is not None:
        sent[EXPECT_LAST] = str(expect_last)
    if msg_id:
        sent[MSG_ID] = msg_id
    try:
        reply = await conn.request(subject, body, headers=sent, timeout=timeout)
    except NoResponders as error:
        raise TransportError(f"no stream takes {subject}: run `dsb init`, or wait for the broker") from error
    answer = json.loads(reply.data)
    if "error" in answer:
        raise failure(subject, answer["error"])
    return Ack(int(answer["seq"]), bool(answer.get("duplicate", False)))


async def last(conn: Connection, stream: str, subject: str) -> Stored | None:
    """The newest message of a subject; null when there is none."""
    return await _direct(conn, stream, f"$JS.API.DIRECT.GET.{stream}.{subject}", b"")


async def get(conn: Connection, stream: str, seq: int) -> Stored | None:
    """The message of a sequence; null when it is gone."""
    return await _direct(conn, stream, f"$JS.API.DIRECT.GET.{stream}", json.dumps({"seq": seq}).encode())


async def _direct(conn: Connection, stream: str, subject: str, body: bytes) -> Stored | None:
    try:
        msg = await conn.request(subject, body)
    except NoResponders as error:
        raise TransportError(f"no stream {stream}: run `dsb init`, or wait for the broker") from error
    headers = msg.headers or {}
    if "Nats-Sequence" not in headers:
        if headers.get("Status") == "404":
            return None
        raise TransportError(f"{stream}: direct get refused: {headers.get('Description', headers)}")
    return Stored(
        subject=headers["Nats-Subject"],
        seq=int(headers["Nats-Sequence"]),
        body=msg.data,
        headers=headers,
        time=parse_time(headers["Nats-Time-Stamp"]),
    )


def parse_time(text: str) -> float:
    """Unix seconds of the broker's RFC 3339 time, which may have nine digits behind the point."""
    whole, _, rest = text.rstrip("Z").partition(".")
    seconds = datetime.fromisoformat(f"{whole}+00:00").timestamp()
    return seconds + (float(f"0.{rest}") if rest else 0.0)


async def purge(
    conn: Connection, stream: str, subject: str, *, keep: int | None = None, below_seq: int | None = None
) -> None:
    """Remove messages of a subject: all but the newest `keep`, or those below a sequence."""
    body: dict[str, Any] = {"filter": subject}
    if keep is not None:
        body["keep"] = keep
    if below_seq is not None:
        body["seq"] = below_seq
    answer = await conn.api(f"STREAM.PURGE.{stream}", body)
    if "error" in answer:
        raise failure(f"purge of {subject}", answer["error"])


async def delete(conn: Connection, stream: str, seq: int) -> bool:
    """Remove one message for good; false if there is none of that sequence."""
    answer = await conn.api(f"STREAM.MSG.DELETE.{stream}", {"seq": seq, "no_erase": True})
    if answer.get("error", {}).get("err_code") == _NO_MESSAGE:
        return False
    if "error" in answer:
        raise failure(f"removing message {seq} of {stream}", answer["error"])
    return True


async def count(conn: Connection, stream: str) -> int:
    """How many messages a stream holds."""
    answer = await conn.api(f"STREAM.INFO.{stream}")
    if "error" in answer:
        raise failure(f"stream {stream}", answer["error"])
    return int(answer["state"]["messages"])

"""Key-value buckets: who holds a lease, who lost it, and counters.

A bucket is the stream `KV_<bucket>`. A key is free when it has no entry, or when its newest one is a
marker: written by a release, or by the broker itself when the entry's time was up.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, NamedTuple

import msgpack

from shared.bus import jetstream
from shared.bus.connection import Connection
from shared.bus.follow import Query, follow
from shared.bus.jetstream import Stored
from shared.errors import Conflict, DataError, Overloaded
from shared.logs import get_logger

__all__ = ["LeaseChange", "LeaseInfo", "bump", "keep", "kept", "lease_holder", "leases", "watch_leases"]

_OPERATION = "KV-Operation"
MARKER_S = 120
"""How long a marker stays: longer than a watcher may be without connection."""
_REASON = "Nats-Marker-Reason"
_TRIES = 50


class LeaseInfo(NamedTuple):
    """Who holds a lease."""

    holder: str
    epoch: int
    """Grows with every taking of the key."""
    value: Mapping[str, Any]
    revision: int
    token: str = ""
    """Of the very object that took it: two processes may bear one name."""


class LeaseChange(NamedTuple):
    """A lease was taken or renewed (`info`), or became free (null)."""

    key: str
    info: LeaseInfo | None


def stream(bucket: str) -> str:
    """The stream behind a bucket."""
    return f"KV_{bucket}"


def subject(bucket: str, key: str) -> str:
    """The subject of a key; `>` for all."""
    return f"$KV.{bucket}.{key}"


def is_marker(stored: Stored) -> bool:
    """Whether this entry says that the key is free."""
    return _OPERATION in stored.headers or _REASON in stored.headers


def pack_lease(holder: str, token: str, epoch: int, value: Mapping[str, Any]) -> bytes:
    """The body of a lease entry; epoch 0 stands for the entry's own revision, no holder for free."""
    return bytes(msgpack.packb({"holder": holder, "token": token, "epoch": epoch, "value": dict(value)}))


def parse_lease(stored: Stored) -> LeaseInfo | None:
    """The lease of an entry; null when it says that the key is free."""
    if is_marker(stored):
        return None
    try:
        body = msgpack.unpackb(stored.body, raw=False)
        if not body["holder"]:
            return None
        return LeaseInfo(
            str(body["holder"]),
            int(body["epoch"]) or stored.seq,
            dict(body["value"]),
            stored.seq,
            str(body["token"]),
        )
    except (ValueError, KeyError, TypeError, msgpack.UnpackException) as error:
        raise DataError(f"{stored.subject}, revision {stored.seq}: not a lease: {error!r}") from error


async def lease_holder(conn: Connection, bucket: str, key: str) -> LeaseInfo | None:
    """Who holds the key now; null when it is free."""
    stored = await jetstream.last(conn, stream(bucket), subject(bucket, key))
    return parse_lease(stored) if stored else None


async def leases(conn: Connection, bucket: str) -> list[LeaseChange]:
    """The leases that are held now, by key."""
    query = Query(stream(bucket), subject(bucket, ">"), None, True, False)
    feed = follow(conn, query, stop_at_end=True)
    held: dict[str, LeaseInfo] = {}
    try:
        async for stored in feed:
            try:
                info = parse_lease(stored)
            except DataError as error:
                get_logger().error("bad_lease", error=str(error))
                continue
            if info is not None:
                held[stored.subject.removeprefix(subject(bucket, ""))] = info
    finally:
        await feed.aclose()
    return [LeaseChange(key, held[key]) for key in sorted(held)]


async def watch_leases(conn: Connection, bucket: str) -> AsyncGenerator[LeaseChange, None]:
    """The leases as they are, then every change."""
    query = Query(stream(bucket), subject(bucket, ">"), None, True, False)
    feed = follow(conn, query)
    try:
        async for stored in feed:
            try:
                info = parse_lease(stored)
            except DataError as error:
                # Somebody holds it, whoever that is: it is not free, and its end will be seen.
                get_logger().error("bad_lease", error=str(error))
                continue
            yield LeaseChange(stored.subject.removeprefix(subject(bucket, "")), info)
    finally:
        await feed.aclose()


async def bump(conn: Connection, bucket: str, key: str) -> int:
    """Add one to a counter, whoever else does so at the same time; its new value."""
    where = subject(bucket, key)
    for _ in range(_TRIES):
        stored = await jetstream.last(conn, stream(bucket), where)
        count = 1 if stored is None or is_marker(stored) else int(stored.body) + 1
        try:
            await jetstream.append(conn, where, b"%d" % count, expect_last=stored.seq if stored else 0)
        except Conflict:
            continue
        return count
    raise Overloaded(f"counter {where}: {_TRIES} attempts all met another writer: try again")


async def keep(conn: Connection, bucket: str, key: str, body: bytes) -> bool:
    """Store an entry under a key that has none yet; false if there is one, which stays."""
    try:
        await jetstream.append(conn, subject(bucket, key), body, expect_last=0)
    except Conflict:
        return False
    return True


async def kept(conn: Connection, bucket: str, prefix: str) -> list[bytes]:
    """The entries of all keys below `prefix.`, in the order of their storing."""
    feed = follow(
        conn, Query(stream(bucket), subject(bucket, f"{prefix}.>"), None, False, False), stop_at_end=True
    )
    try:
        return [stored.body async for stored in feed if not is_marker(stored)]
    finally:
        await feed.aclose()

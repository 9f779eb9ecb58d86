"""Following a stream in order, without gaps, through broker restarts: an ordered push consumer of our own.

The consumer is ephemeral and acknowledges nothing. Its messages carry a running number; a gap, silence
longer than three heartbeats, or a new connection makes another consumer behind the last message that was
handed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import nats.errors
from nats.aio.msg import Msg

from shared.bus import core, failpoints, guard
from shared.bus.connection import Connection
from shared.bus.jetstream import Stored, failure
from shared.errors import TransportError
from shared.logs import get_logger
from shared.telemetry import counter

__all__ = ["follow"]

_RESETS = counter("bus_consumer_resets_total", "Ordered consumers that were made anew")

_HEARTBEAT_S = 1.0
_SILENCE_S = 3.5
_IDLE_GONE_S = 30
"""The broker removes a consumer that nobody hears for so long."""
_SECOND_NS = 1_000_000_000


class Query(NamedTuple):
    """What to follow."""

    stream: str
    subject: str
    start_seq: int | None
    last_per_subject: bool
    headers_only: bool

    def config(self, after: int) -> dict[str, Any]:
        """The consumer's start; `after` is the last sequence handed on, 0 for none."""
        start = after + 1 if after else self.start_seq
        if start is not None and start > 0:
            return {"deliver_policy": "by_start_sequence", "opt_start_seq": start}
        return {"deliver_policy": "last_per_subject" if self.last_per_subject else "all"}


class _Reset(Exception):
    """The consumer is no good any more."""


class _Feed:
    """One ephemeral consumer."""

    def __init__(self, conn: Connection, query: Query) -> None:
        self._conn, self._query = conn, query
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._heard = time.monotonic()
        self._number = 0
        """Running number of the last message that was handed on."""
        self.pending = 0
        """Messages that were stored when the consumer was made and are not handed on yet."""

    async def open(self, after: int) -> None:
        """Subscribe and make the consumer."""
        self._generation = self._conn.generation
        inbox = self._conn.nc.new_inbox()
        self._sub = await core.subscribe(self._conn, inbox, self._receive)
        name = inbox.rpartition(".")[2]
        config = {
            "name": name,
            "deliver_subject": inbox,
            "filter_subject": self._query.subject,
            "ack_policy": "none",
            "max_deliver": 1,
            "replay_policy": "instant",
            "flow_control": True,
            "idle_heartbeat": int(_HEARTBEAT_S * _SECOND_NS),
            "inactive_threshold": _IDLE_GONE_S * _SECOND_NS,
            "headers_only": self._query.headers_only,
            "mem_storage": True,
            "num_replicas": 1,
        } | self._query.config(after)
        stream = self._query.stream
        try:
            answer = await self._conn.api(
                f"CONSUMER.CREATE.{stream}.{name}.{self._query.subject}",
                {"stream_name": stream, "config": config},
            )
            if "error" in answer:
                raise failure(f"following {stream}", answer["error"])
        except BaseException:
            await self.close()
            raise
        self.pending = int(answer.get("num_pending", 0))
        self._heard = time.monotonic()  # from here on a broker that says nothing is silent

    async def close(self) -> None:
        """Forget the subscription; the broker removes the consumer by itself."""
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._sub.unsubscribe()

    async def _receive(self, msg: Msg) -> None:
        self._heard = time.monotonic()
        self._queue.put_nowait(msg)

    async def next(self, *, stop_at_end: bool) -> Stored | None:
        """The next message, null at the end; raises `_Reset`."""
        while not (stop_at_end and self.pending <= 0):
            msg = await self._message()
            if msg.headers and msg.headers.get("Status") == "100":
                if await self._control(msg):
                    self.pending = 0
            elif msg.headers and "Status" in msg.headers:
                raise _Reset(msg.headers.get("Description", "consumer gone"))
            else:
                return self._stored(msg)
        return None

    async def _message(self) -> Msg:
        while self._queue.empty():
            if self._conn.closing.is_set():
                raise TransportError(f"connection to {self._conn.url} is closed")
            if self._generation != self._conn.generation:
                raise _Reset("new connection")
            if time.monotonic() - self._heard > _SILENCE_S:
                raise _Reset("no heartbeat")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT_S / 2):
                    return await self._queue.get()
        return self._queue.get_nowait()

    async def _control(self, msg: Msg) -> bool:
        """Flow control is answered when all before it was handed on. True: the broker has no more for now."""
        headers = msg.headers or {}
        answer_to = msg.reply or headers.get("Nats-Consumer-Stalled", "")
        if answer_to:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._conn.nc.publish(answer_to)
            return False
        sent = int(headers.get("Nats-Last-Consumer", self._number))
        if sent > self._number:
            raise _Reset(f"{sent - self._number} messages lost")
        return True

    def _stored(self, msg: Msg) -> Stored:
        about = msg.metadata
        if about.sequence.consumer != self._number + 1:
            raise _Reset("gap")
        self._number += 1
        self.pending = min(self.pending - 1, about.num_pending)
        return Stored(
            msg.subject, about.sequence.stream, msg.data, msg.headers or {}, about.timestamp.timestamp()
        )


async def follow(
    conn: Connection, query: Query, *, stop_at_end: bool = False
) -> AsyncGenerator[Stored, None]:
    """Yield messages in order; raises `TransportError` if the first consumer fails or the bus is closed."""
    after, opened = 0, False
    while True:
        feed = _Feed(conn, query)
        try:
            await feed.open(after)
        except TransportError as error:
            if not opened or conn.closing.is_set():
                raise
            # The broker is on its way back: its streams may need a moment longer than its port.
            get_logger().warning("follow_waits", stream=query.stream, error=str(error))
            await asyncio.sleep(0.5)
            continue
        opened = True
        try:
            while (stored := await feed.next(stop_at_end=stop_at_end)) is not None:
                await failpoints.ahit("bus.receive", stored.subject)
                after = stored.seq
                if why := guard.relayed(stored.headers):
                    get_logger().warning("message_refused", subject=stored.subject, seq=after, error=why)
                    continue
                yield stored
            return
        except _Reset as reason:
            _RESETS.inc()
            get_logger().info("follow_resumes", stream=query.stream, after=after, reason=str(reason))
        finally:
            await feed.close()

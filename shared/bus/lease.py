"""Leases: one holder a key, by compare-and-set in a bucket whose entries expire.

All of it runs in a thread of its own, with its own event loop and connection, so that neither inference
nor the loading of a model on the main loop can starve a renewal. A holder that could not renew within the
TTL knows by its own clock that the lease is over, before the broker gives it to anybody else; so does a
process that was paused and wakes.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from shared.bus import jetstream, kv
from shared.bus.connection import Connection
from shared.clock import elapsed
from shared.errors import Conflict, LeaseLost, TransportError
from shared.logs import get_logger
from shared.settings import BusSettings
from shared.tasks import end_tasks
from shared.telemetry import counter

__all__ = ["Keeper", "Lease"]

_CHANGES = counter(
    "lease_changes_total", "Leases taken, released, and lost against their holder's will", "bucket", "change"
)
_RETRY_S = 0.2

T = TypeVar("T")


class Keeper:
    """The thread that takes, renews and releases the leases of a process; starts with the first one."""

    def __init__(
        self, settings: BusSettings, name: str, *, on_closed: Callable[[], None] | None = None
    ) -> None:
        self._settings, self._name, self._on_closed = settings, f"{name}-lease", on_closed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = asyncio.Lock()
        self.conn: Connection

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the keeper's loop."""
        async with self._starting:
            if self._loop is None:
                try:
                    await self._start()
                except BaseException:
                    work.close()
                    raise
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _start(self) -> None:
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name=self._name, daemon=True)
        self._thread.start()
        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._connect(), loop))
        except TransportError:
            self._end(loop)
            raise
        self._loop = loop

    async def _connect(self) -> None:
        self.conn = Connection(
            self._settings, name=self._name, on_closed=self._on_closed, failpoints_on=False
        )
        await self.conn.open()

    async def stop(self) -> None:
        """End the thread; leases that were not released expire."""
        if self._loop is None:
            return
        loop, self._loop = self._loop, None
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._disconnect(), loop))
        self._end(loop)

    async def _disconnect(self) -> None:
        await self.conn.drain()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        await end_tasks(rest)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._thread is not None
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            loop.close()
        self._thread = None


class Lease:
    """One key in a bucket; make it with `Bus.lease`. It can be taken again after it was lost or released."""

    lost: asyncio.Event
    """Set in the loop that made this object as soon as the lease is over against the holder's will."""

    def __init__(
        self, keeper: Keeper, bucket: str, key: str, *, holder: str, ttl: float, value: Mapping[str, Any]
    ) -> None:
        self._keeper, self._bucket, self.key = keeper, bucket, key
        self._holder, self._ttl, self._value = holder, ttl, value
        self._stream, self._subject = kv.stream(bucket), kv.subject(bucket, key)
        self._token = ""
        self._epoch = self._revision = 0
        self._held, self._renewed = False, 0.0
        self._task: asyncio.Task[None] | None = None
        self._home = asyncio.get_running_loop()
        self.lost = asyncio.Event()

    @property
    def epoch(self) -> int:
        """The number of this taking: greater than those of all earlier holders of the key."""
        return self._epoch

    @property
    def valid(self) -> bool:
        """Whether the lease is surely held: no renewal was refused, the last one is younger than the TTL."""
        return self._held and elapsed() - self._renewed < self._ttl

    def require(self) -> None:
        """Raise `LeaseLost` unless valid."""
        if not self.valid:
            raise LeaseLost(
                f"lease {self._bucket}/{self.key} (epoch {self._epoch}) is lost to {self._holder}"
            )

    async def take(self) -> bool:
        """Take the key if it is free; false if somebody else holds it. Raises `TransportError`."""
        if self.valid:
            return True
        self.lost.clear()
        return await self._keeper.call(self._take())

    async def release(self) -> None:
        """Give the key back at once, if it is still ours; without a broker it is left to expire."""
        if not self._held:
            return
        await self._keeper.call(self._release())

    # What follows runs in the keeper's loop.

    async def _take(self) -> bool:
        await self._halt()
        self._token = secrets.token_hex(8)
        stored = await jetstream.last(self._keeper.conn, self._stream, self._subject)
        if stored is not None and kv.parse_lease(stored) is not None:
            return False
        began = elapsed()
        try:
            # An expiry marker is no absence: the entry goes over it.
            revision = await self._write(0, stored.seq if stored else 0, timeout=self._ttl / 2)
        except Conflict:
            return False
        if elapsed() - began >= self._ttl:
            return False
        self._epoch = self._revision = revision
        self._renewed, self._held = began, True
        self._task = asyncio.create_task(self._renew())
        _CHANGES.labels(self._bucket, "taken").inc()
        return True

    async def _write(self, epoch: int, revision: int, *, timeout: float) -> int:
        """Put our entry over `revision`; after a lost acknowledgement our own entry is recognised."""
        body = kv.pack_lease(self._holder, self._token, epoch, self._value)
        try:
            ack = await jetstream.append(
                self._keeper.conn, self._subject, body, expect_last=revision, timeout=timeout
            )
        except TransportError:
            now = await jetstream.last(self._keeper.conn, self._stream, self._subject)
            info = kv.parse_lease(now) if now else None
            if info is None or info.token != self._token or info.revision == revision:
                raise
            return info.revision
        return ack.seq

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._ttl / 3)
            if not self.valid:
                # A process that was paused wakes here.
                self._lose("not renewed in time")
                return
            try:
                # No longer than our own clock says that it can still be ours.
                async with asyncio.timeout(self._ttl - (elapsed() - self._renewed)):
                    await self._renew_once()
            except Conflict as error:
                self._lose(str(error))
                return
            except TimeoutError:
                self._lose("not renewed in time")
                return

    async def _renew_once(self) -> None:
        """Write until it is certain; raises `Conflict` when the key went to somebody else."""
        while True:
            began = elapsed()
            try:
                self._revision = await self._write(self._epoch, self._revision, timeout=self._ttl / 4)
                self._renewed = began
                return
            except Conflict:
                raise
            except TransportError:
                await asyncio.sleep(_RETRY_S)

    def _lose(self, reason: str) -> None:
        self._held = False
        _CHANGES.labels(self._bucket, "lost").inc()
        get_logger().warning(
            "lease_lost", bucket=self._bucket, key=self.key, epoch=self._epoch, reason=reason
        )
        with contextlib.suppress(RuntimeError):
            # The loop that made us may be closed by now.
            self._home.call_soon_threadsafe(self.lost.set)

    async def _halt(self) -> None:
        self._held = False
        if self._task is not None:
            await end_tasks([self._task])
            self._task = None

    async def _release(self) -> None:
        if not self._held:
            return
        await self._halt()
        _CHANGES.labels(self._bucket, "released").inc()
        with contextlib.suppress(TransportError):
            await jetstream.append(
                self._keeper.conn,
                self._subject,
                kv.pack_lease("", self._token, self._epoch, {}),
                expect_last=self._revision,
                timeout=self._ttl / 2,
            )

"""One opening that this reader plays, from the lease to the end: closed by the bench, given up, stopped or
fenced.

The lease comes first; whoever loses it, or is refused by the log's fence, stops at once and releases nothing
that is no longer its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from concurrent.futures import Executor
from typing import Any, Literal

from services.reader.capacity import CapacityFeed
from services.reader.decoding import Frames, PooledFrames, Resume
from services.reader.inputs import Backoff, LiveFrames
from services.reader.live import LiveFeed, live_position
from services.reader.reports import Reports
from services.reader.settings import ReaderSettings
from services.reader.sink import Sink
from shared import subjects
from shared.bus import Bus, FrameLog, Lease, Meta, Subscription, failpoints
from shared.errors import Conflict, DsbError, LeaseLost, VideoError
from shared.logs import get_logger
from shared.messages import Close, Done, EventKind, Look, Open, OpenReply, StreamStatus
from shared.tasks import end_tasks
from shared.video.source import Kind, kind_of

__all__ = ["Playing"]

End = Literal["closed", "idle", "stopped", "fenced", "failed"]

_LOOK_S = 1.0
_CLOSED_EVERY = 5
_AGAIN_EVERY = 6 * 3600
"""Events are kept for a day: so often is a stream that nobody else speaks of announced again."""


class Playing:
    """The state and the tasks of one opening."""

    def __init__(
        self, bus: Bus, opened: Open, lease: Lease, *, pool: Executor, settings: ReaderSettings, worker: str
    ) -> None:
        self._bus, self._open, self._lease, self._pool = bus, opened, lease, pool
        self._settings, self._worker, self._opening = settings, worker, opened.opening
        self._sink = Sink(FrameLog(bus, opened.opening, live=opened.profile.live), lease, opened.opening)
        self._reports = Reports(
            bus, opened, worker=worker, epoch=lease.epoch, dropped_every_s=settings.dropped_every_s
        )
        self._frames: Frames | None = None
        self._over: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._subscriptions: list[Subscription] = []
        self._heard = asyncio.get_running_loop().time()
        self._feed: CapacityFeed | None = None
        self._log = get_logger(stream=opened.opening, run=opened.run, epoch=lease.epoch)

    def keep_alive(self) -> None:
        """The bench asked for this opening again. What is kept without one lasts as long as its source."""
        if not self._open.kept or self._reports.state not in {"ended", "failed"}:
            self._heard = asyncio.get_running_loop().time()

    def end(self, why: End) -> None:
        """Stop playing; `run` returns soon."""
        if not self._over.done():
            self._over.set_result(why)

    async def run(self) -> None:
        """Play until it is over; lets go of all that is still ours."""
        why: End = "failed"
        try:
            await failpoints.ahit("reader.leased_not_published", self._opening)
            why = await self._play()
        except (Conflict, LeaseLost) as error:
            why = "fenced"
            self._log.warning("reader_fenced", error=str(error))
        except DsbError as error:
            self._log.error("reader_failed", error=str(error))
        finally:
            await self._let_go(why)

    async def _play(self) -> End:
        await self._subscribe()
        works = (self._feed_log(), self._reports.run(), self._watch())
        tasks = [asyncio.create_task(work) for work in works]
        lost = asyncio.create_task(self._lease.lost.wait())
        try:
            return await self._first_end(tasks, lost)
        finally:
            await end_tasks([*tasks, lost])

    async def _first_end(self, tasks: list[asyncio.Task[None]], lost: asyncio.Task[Literal[True]]) -> End:
        """How it ends. The end of a live source is no end: its log stays open to be read."""
        waiting: set[asyncio.Future[Any]] = {*tasks, lost, self._over}
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if lost in done:
                return "fenced"
            if self._over in done:
                return self._over.result()
            for task in done:
                task.result()

    async def _subscribe(self) -> None:
        self._subscriptions = [
            await self._bus.serve(subjects.reader_ctl(f"open.{self._opening}"), Open, self._on_open),
            await self._bus.serve(subjects.reader_ctl(f"close.{self._opening}"), Close, self._on_close),
            await self._bus.serve(subjects.reader_ctl(f"status.{self._opening}"), Look, self._on_look),
        ]

    async def _feed_log(self) -> None:
        """Take over what a predecessor left, and read on."""
        await self._sink.resume()
        await self._reports.opened()
        if self._sink.eos:
            await self._reports.over_before(self._sink)
        if not self._open.profile.live:
            await self._feed_granted()
        elif not self._sink.eos:
            await self._feed_live()

    async def _feed_granted(self) -> None:
        self._frames = self._pooled()
        self._feed = CapacityFeed(self._bus, self._open, self._frames, self._sink, self._reports)
        self._subscriptions += await self._feed.subscribe()
        await self._feed.run()

    async def _feed_live(self) -> None:
        position = await live_position(self._bus, self._opening, self._sink)
        paced = not self._blocking()
        self._frames = self._pooled() if paced else self._live(position)
        feed = LiveFeed(self._open, self._frames, self._sink, self._reports, position=position, paced=paced)
        await feed.run()

    def _pooled(self) -> PooledFrames:
        return PooledFrames(
            self._pool,
            self._open.uri,
            self._open.profile.video,
            resume=self._sink.last,
            ahead=self._settings.ahead,
            live=self._open.profile.live,
        )

    def _live(self, position: float | None) -> LiveFrames:
        settings, last = self._settings, self._sink.last
        if last.index < 0 and position is not None:
            # The log forgets by age: its frames are gone, but an owner may hold some, and takes no lower index. Nobody
            # can have counted further by now.
            last = Resume(math.ceil(position * self._open.profile.video.fps), position)
        return LiveFrames(
            self._open.uri,
            self._open.profile.video,
            resume=last,
            position=position,
            ahead=settings.ahead,
            told=self._reports,
            slow=self._open.profile.slow,
            again=Backoff(
                first_s=settings.reconnect_first_s,
                longest_s=settings.reconnect_longest_s,
                limit_s=settings.reconnect_limit_s,
                tries=settings.connect_tries,
            ),
        )

    def _blocking(self) -> bool:
        try:
            return kind_of(self._open.uri) in {Kind.CAMERA, Kind.NETWORK}
        except VideoError:
            return False  # said again, as this opening's error, when its frames are asked for

    async def _watch(self) -> None:
        """Notice when nobody asks for this opening any more, and a close said while we were cut off."""
        loop = asyncio.get_running_loop()
        looks = 0
        while True:
            await asyncio.sleep(min(_LOOK_S, self._settings.idle_close_s / 2))
            looks += 1
            if self._open.kept or not self._bus.connected:
                self.keep_alive()
            if not self._bus.connected:
                continue
            if looks % _CLOSED_EVERY == 0 and await self._is_closed():
                self.end("closed")
            elif self._open.kept and looks % _AGAIN_EVERY == 0:
                await self._reports.opened()
                if self._reports.clock is not None:
                    await self._reports.started(self._reports.clock.now)
            heard = max(self._heard, self._feed.heard if self._feed else 0.0)
            if loop.time() - heard > self._settings.idle_close_s:
                self.end("idle")

    async def _is_closed(self) -> bool:
        with contextlib.suppress(DsbError):
            return bool(
                await self._bus.last(subjects.EVENTS, subjects.event(self._opening, EventKind.CLOSED))
            )
        return False

    async def _let_go(self, why: End) -> None:
        for subscription in self._subscriptions:
            with contextlib.suppress(DsbError):
                await subscription.close()
        ours = self._lease.valid
        with contextlib.suppress(DsbError):
            if ours:
                await self._reports.flush()
                await self._reports.let_go(self._sink)
            if ours and why == "idle":
                await self._reports.closed()
            if ours and why in {"closed", "idle"} and not self._open.profile.live:
                await self._bus.purge(subjects.FRAMES_CAP, subjects.frames(self._opening, live=False))
        with contextlib.suppress(DsbError):
            await self._lease.release()
        # Last: a decoder that hangs, on a disk that is away, must not keep the stream from another reader.
        if self._frames is not None:
            await self._frames.close()
        self._log.info("reader_let_go", why=why)

    async def _on_open(self, opened: Open, meta: Meta) -> OpenReply:
        self._lease.require()
        self.keep_alive()
        return OpenReply(accepted=True, reader=self._worker)

    async def _on_close(self, close: Close, meta: Meta) -> Done:
        self.end("closed")
        return Done()

    async def _on_look(self, look: Look, meta: Meta) -> StreamStatus:
        return self._reports.status(self._sink)

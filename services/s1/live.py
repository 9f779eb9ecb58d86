"""Frames of live video that wait for the model: when it falls behind, some give way, as the stream's policy says.

The client library drops the newest message when a subscription overflows, whatever the policy: hence a line of our own
between the log and the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from shared import metering
from shared.bus import FrameRecord
from shared.messages import Slow
from shared.tasks import end_tasks
from shared.video import Waiting

__all__ = ["LatestFrames"]


class LatestFrames:
    """A bounded line of `size` records; `on_drop(count, t)` hears of drops, with the newest dropped stream time."""

    dropped: dict[str, int]
    """Frames dropped so far, by reason."""

    def __init__(
        self, size: int, on_drop: Callable[[int, float], Awaitable[None]], *, slow: Slow = Slow.DROP_OLDEST
    ) -> None:
        self._line: Waiting[FrameRecord] = Waiting(size, slow)
        self._waits, self._on_drop = slow is Slow.BLOCK, on_drop
        self._fresh, self._room = asyncio.Event(), asyncio.Event()
        self._ended = False
        self.dropped = {}
        self._dropped, self._dropped_t, self._newest = 0, 0.0, -1

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not len(self._line)

    def put(self, record: FrameRecord) -> None:
        """Add a record; frames give way as the stream's policy says, other records never."""
        frame = record.kind == "frame"
        if frame and self._waits:
            self._count_evicted(record)
        for gone in self._line.put(record, solid=not frame):
            self._count("slow_model", 1, gone.t)
        self._fresh.set()

    def _count_evicted(self, record: FrameRecord) -> None:
        """Who never drops, and still misses frames, was so late that the log no longer held them."""
        missed = record.index - self._newest - 1
        if self._newest >= 0 and missed > 0:
            self._count("log_full", missed, record.t)
        self._newest = record.index

    def _count(self, reason: str, count: int, t: float) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + count
        self._dropped, self._dropped_t = self._dropped + count, t
        metering.dropped("s1", reason, count)

    @asynccontextmanager
    async def fed_by(self, records: AsyncIterator[FrameRecord]) -> AsyncIterator[AsyncIterator[FrameRecord]]:
        """Fill from `records` in the background; yields what is still fresh, in order."""
        feeder = asyncio.create_task(self._feed(records))
        try:
            yield self._drain(feeder)
        finally:
            await end_tasks([feeder])

    async def _feed(self, records: AsyncIterator[FrameRecord]) -> None:
        try:
            async for record in records:
                while self._waits and self._line.full:
                    self._room.clear()
                    await self._room.wait()
                self.put(record)
        finally:
            self._ended = True
            self._fresh.set()

    async def _drain(self, feeder: asyncio.Task[None]) -> AsyncIterator[FrameRecord]:
        while True:
            if self._dropped:
                count, self._dropped = self._dropped, 0
                await self._on_drop(count, self._dropped_t)
            if len(self._line):
                record = self._line.take()
                self._room.set()
                yield record
            elif self._ended:
                await feeder
                return
            else:
                self._fresh.clear()
                await self._fresh.wait()

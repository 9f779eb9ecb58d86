"""Latest-wins for live video: when encoding falls behind, the oldest waiting frames are dropped, and counted.

The client library drops the newest message when a subscription overflows, which is the wrong end: hence a buffer of
our own between the log and the model.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from shared.bus import FrameRecord
from shared.tasks import end_tasks
from shared.telemetry import counter

__all__ = ["LatestFrames"]

_DROPPED = counter("frames_dropped_total", "Frames dropped, by who and why", "service", "reason")


class LatestFrames:
    """A bounded buffer of `size` records; `on_drop(count, t)` hears of drops, with the newest dropped stream time."""

    def __init__(self, size: int, on_drop: Callable[[int, float], Awaitable[None]]) -> None:
        self._buffer: deque[FrameRecord] = deque()
        self._size, self._on_drop = size, on_drop
        self._fresh = asyncio.Event()
        self._ended = False
        self._dropped, self._dropped_t = 0, 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._buffer

    def put(self, record: FrameRecord) -> None:
        """Add a record; the oldest frame makes room. Records that are no frames are never dropped."""
        self._buffer.append(record)
        if len(self._buffer) > self._size:
            oldest = next((held for held in self._buffer if held.kind == "frame"), None)
            if oldest is not None:
                self._buffer.remove(oldest)
                self._dropped, self._dropped_t = self._dropped + 1, oldest.t
                _DROPPED.labels("s1", "slow_model").inc()
        self._fresh.set()

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
                self.put(record)
        finally:
            self._ended = True
            self._fresh.set()

    async def _drain(self, feeder: asyncio.Task[None]) -> AsyncIterator[FrameRecord]:
        while True:
            if self._dropped:
                count, self._dropped = self._dropped, 0
                await self._on_drop(count, self._dropped_t)
            if self._buffer:
                yield self._buffer.popleft()
            elif self._ended:
                await feeder
                return
            else:
                self._fresh.clear()
                await self._fresh.wait()

"""Capacity mode: frames up to the granted time, within credits, then the watermark; as fast as the machine.

What stands in the log after a grant is a function of the source and the grants alone: a reader that takes
over writes what its predecessor would have written.
"""

from __future__ import annotations

import asyncio

from services.reader.decoding import Frames
from services.reader.reports import Reports
from services.reader.sink import Sink
from shared import subjects
from shared.bus import Bus, Meta, Subscription
from shared.errors import PayloadTooLarge, VideoError
from shared.messages import Credit, Grant, Open

__all__ = ["CapacityFeed"]


class CapacityFeed:
    """Feeds one opening's log as it is granted."""

    def __init__(self, bus: Bus, opened: Open, frames: Frames, sink: Sink, reports: Reports) -> None:
        self._bus, self._open, self._frames, self._sink, self._reports = bus, opened, frames, sink, reports
        self._granted, self._consumed = -1.0, -1
        self._fresh = asyncio.Event()
        self.heard = asyncio.get_running_loop().time()
        """When the bench last granted, by the event loop's clock."""

    async def subscribe(self) -> list[Subscription]:
        """Hear grants and credits; both are said again and again, so none is waited for."""
        opening = self._open.opening
        return [
            await self._bus.listen(subjects.grant(opening), Grant, self._on_grant),
            await self._bus.listen(subjects.credit(opening), Credit, self._on_credit),
        ]

    async def run(self) -> None:
        """Serve grants for ever; the caller ends it."""
        while True:
            while self._granted <= self._sink.watermark:
                await self._news()
            await self._serve(self._granted)

    async def _serve(self, t: float) -> None:
        if not self._sink.eos:
            await self._publish_until(t)
        await self._sink.mark(t)
        await self._tidy()

    async def _publish_until(self, t: float) -> None:
        error: VideoError | None = None
        try:
            while (frame := await self._frames.peek()) is not None:
                if frame.t > t:
                    return
                while frame.index - self._consumed > self._open.profile.credit:
                    await self._news()
                await self._sink.frame(frame)
                self._frames.pop()
                await self._tidy()
        except VideoError as broken:
            error = broken
        except PayloadTooLarge as broken:
            await self._reports.over(self._sink, max(0.0, self._sink.last.t), broken)
            return
        # The end is said when the grant reaches it: what lies beyond the grant must not show.
        if self._frames.end_t <= t:
            await self._reports.over(self._sink, self._frames.end_t, error)

    async def _tidy(self) -> None:
        """Purge what no window can need any more: `retain` frames behind the newest consumed one stay."""
        profile = self._open.profile
        await self._sink.forget(self._consumed - profile.retain, at_least=max(16, profile.credit // 2))

    async def _news(self) -> None:
        self._fresh.clear()
        await self._fresh.wait()

    async def _on_grant(self, grant: Grant, meta: Meta) -> None:
        self.heard = asyncio.get_running_loop().time()
        if grant.t > self._granted:
            self._granted = grant.t
            self._fresh.set()

    async def _on_credit(self, credit: Credit, meta: Meta) -> None:
        # An owner that took over counts from behind again; what was consumed once stays consumed.
        if credit.index > self._consumed:
            self._consumed = credit.index
            self._fresh.set()

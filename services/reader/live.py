"""Live mode: frames when the wall clock says so; what comes too late gives way to what is newer.

Stream time 0 is the moment of the first `started` event; of a stream that goes on for days it is said again which time
it is. A reader that takes over finds its place from the broker's own timestamps of the last of them and of its `opened`
event; clocks of two hosts are never compared.
"""

from __future__ import annotations

import asyncio
import time

from services.reader.decoding import Frames
from services.reader.reports import Reports
from services.reader.sink import Sink
from shared import subjects
from shared.bus import Bus
from shared.errors import DsbError, PayloadTooLarge, VideoError
from shared.messages import Event, EventKind, Open, Slow
from shared.video import Frame, Pacer

__all__ = ["LiveFeed", "live_position"]


async def live_position(bus: Bus, opening: str, sink: Sink) -> float | None:
    """Seconds of stream time at which a started stream is now; None when it has not started.

    To be called right after this reader's own `opened` event was stored: its timestamp is the broker's now.
    """
    started = await bus.last(subjects.EVENTS, subjects.event(opening, EventKind.STARTED))
    opened = await bus.last(subjects.EVENTS, subjects.event(opening, EventKind.OPENED))
    if opened is None:
        return None
    if started is not None:
        return max(0.0, (Event.from_bytes(started.body).t or 0.0) + opened.time - started.time)
    # Events are kept for a day; of a stream that is older, the log tells.
    return None if sink.last_time is None else max(0.0, sink.last.t + opened.time - sink.last_time)


class LiveFeed:
    """Feeds one opening's log by the wall clock; `position` is where a stream that was taken over is now."""

    def __init__(
        self,
        opened: Open,
        frames: Frames,
        sink: Sink,
        reports: Reports,
        *,
        position: float | None,
        paced: bool,
    ) -> None:
        self._open, self._frames, self._sink, self._reports = opened, frames, sink, reports
        self._position, self._paced = position, paced
        self._drops = opened.profile.slow in {Slow.DROP_OLDEST, Slow.DOWNSAMPLE}
        self._made = time.monotonic()

    async def run(self) -> None:
        """Publish to the end of the stream."""
        error: DsbError | None = None
        pacer: Pacer | None = None
        try:
            while (frame := await self._frames.peek()) is not None:
                pacer = pacer or await self._start()
                await self._show(frame, pacer)
                self._frames.pop()
        except (VideoError, PayloadTooLarge) as broken:
            error = broken
        await self._reports.flush()
        await self._reports.over(self._sink, self._frames.end_t, error)

    async def _start(self) -> Pacer:
        interval = 1 / self._open.profile.video.fps
        if self._position is None:
            await self._reports.started()
            pacer = Pacer(interval=interval)
        else:
            pacer = Pacer(interval=interval, position=self._position + time.monotonic() - self._made)
        self._reports.state, self._reports.clock = "playing", pacer
        return pacer

    async def _show(self, frame: Frame, pacer: Pacer) -> None:
        if self._paced:
            await asyncio.sleep(pacer.wait_s(frame.t))
            # A late frame gives way only to a newer one: a slow source still shows what it has.
            if self._drops and pacer.late(frame.t) and self._frames.more():
                self._reports.drop(frame.t, "late")
                return
        await self._sink.frame(frame)

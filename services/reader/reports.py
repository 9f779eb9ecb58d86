"""What the reader tells of one opening: events for the bench, the router and the board."""

from __future__ import annotations

import asyncio

from services.reader.sink import Sink
from shared.bus import Bus
from shared.errors import DsbError
from shared.logs import get_logger
from shared.messages import Event, EventKind, Open
from shared.telemetry import counter
from shared.video.source import shown

__all__ = ["Reports"]

_DROPPED = counter("frames_dropped_total", "Frames dropped, by who and why", "service", "reason")
_ERRORS = counter("reader_source_errors_total", "Sources that ended with an error")


class Reports:
    """Events of one opening, by one reader."""

    def __init__(self, bus: Bus, opened: Open, *, worker: str, epoch: int, dropped_every_s: float) -> None:
        self._bus, self._open, self._worker, self._epoch = bus, opened, worker, epoch
        self._every_s = dropped_every_s
        self._dropped, self._dropped_t = 0, 0.0
        self._log = get_logger(stream=opened.opening, run=opened.run)

    async def opened(self) -> None:
        """Say what was asked for, so that the router finds an owner; a successor says it again."""
        await self._tell(EventKind.OPENED, open=self._open)

    async def started(self) -> None:
        """Say that the first frame comes now: stream time 0 of a live stream."""
        await self._tell(EventKind.STARTED, t=0.0)

    async def closed(self) -> None:
        """Say that an opening that nobody asks for any more is over."""
        await self._tell(EventKind.CLOSED, text="given up: no word from the bench")

    async def over(self, sink: Sink, end_t: float, error: DsbError | None) -> None:
        """The source ended, or broke: the event that names it comes first, then the log's last record."""
        if error is not None:
            _ERRORS.inc()
            self._log.warning("source_error", uri=shown(self._open.uri), error=str(error))
            # Without a single picture there is no time up to which the stream was good.
            await self._tell(EventKind.ERROR, t=end_t if sink.last.index >= 0 else None, text=str(error))
        await sink.end(end_t)
        await self._tell(EventKind.EOS, t=end_t, count=sink.last.index + 1)

    def drop(self, t: float, reason: str) -> None:
        """Count a dropped frame."""
        _DROPPED.labels("reader", reason).inc()
        self._dropped, self._dropped_t = self._dropped + 1, max(t, self._dropped_t)

    async def run(self) -> None:
        """Report drops, now and then, for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.flush()

    async def flush(self) -> None:
        """Report the drops since the last report, if any."""
        if self._dropped:
            count, self._dropped = self._dropped, 0
            await self._tell(EventKind.DROPPED, t=self._dropped_t, count=count)

    async def _tell(
        self,
        kind: EventKind,
        *,
        t: float | None = None,
        count: int = 0,
        text: str = "",
        open: Open | None = None,
    ) -> None:
        event = Event(
            opening=self._open.opening,
            kind=kind,
            by=self._worker,
            t=t,
            count=count,
            epoch=self._epoch,
            text=text,
            open=open,
        )
        await self._bus.publish_event(event)

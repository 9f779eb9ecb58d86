"""What the reader tells of one opening: events for the bench, the router and the board, and how it stands now."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

from services.reader.sink import Sink
from shared import metering
from shared.bus import Bus
from shared.errors import DsbError
from shared.logs import get_logger
from shared.messages import Event, EventKind, Open, StreamReport, StreamState, StreamStatus
from shared.telemetry import counter
from shared.video import Pacer
from shared.video.source import shown

__all__ = ["Reports"]

_ERRORS = counter("reader_source_errors_total", "Sources that ended with an error")
_LOST = counter("reader_sources_lost_total", "Live sources that gave no pictures any more")
_RECONNECTS = counter("reader_reconnects_total", "Live sources that came back after they were lost")
_GAP_S = counter("reader_gap_seconds_total", "Seconds of stream time without pictures from a live source")


class Reports:
    """Events of one opening, by one reader; of a live input it is the one who is `Told`."""

    state: StreamState
    """How the source stands."""
    clock: Pacer | None
    """A live stream's time, once it has started."""

    def __init__(self, bus: Bus, opened: Open, *, worker: str, epoch: int, dropped_every_s: float) -> None:
        self._bus, self._open, self._worker, self._epoch = bus, opened, worker, epoch
        self._every_s, self._began = dropped_every_s, time.monotonic()
        self.state, self.clock = "connecting", None
        self._why = ""
        self._dropped, self._dropped_t = 0, 0.0
        self._reasons: Counter[str] = Counter()
        self._reconnects, self._gap_s = 0, 0.0
        self._unsaid: list[Event] = []
        self._news = asyncio.Event()
        self._log = get_logger(stream=opened.opening, run=opened.run)

    def status(self, sink: Sink) -> StreamStatus:
        """How it stands."""
        return StreamStatus(
            opening=self._open.opening,
            reader=self._worker,
            state=self.state,
            age_s=time.monotonic() - self._began,
            t=self.clock.now if self.clock else None,
            last_t=sink.last.t if sink.last.index >= 0 else None,
            report=self.report(sink),
            text=self._why,
        )

    def report(self, sink: Sink) -> StreamReport:
        """What became of the frames so far."""
        return StreamReport(
            frames=sink.published,
            dropped=dict(self._reasons),
            reconnects=self._reconnects,
            gap_s=round(self._gap_s, 3),
        )

    async def opened(self) -> None:
        """Say what was asked for, so that the router finds an owner; a successor says it again."""
        await self._tell(EventKind.OPENED, open=self._open)

    async def started(self, t: float = 0.0) -> None:
        """Say that stream time `t` of a live stream is now; at its beginning, 0, the first frame comes."""
        await self._tell(EventKind.STARTED, t=t)

    async def closed(self) -> None:
        """Say that an opening that nobody asks for any more, or whose source is gone, is over."""
        why = self._why or "its source ended"
        await self._tell(
            EventKind.CLOSED, text=why if self._open.kept else "given up: no word from the bench"
        )

    async def let_go(self, sink: Sink) -> None:
        """Say what became of the frames: of a live stream, at its end."""
        if self._open.profile.live:
            await self._bus.publish_event(
                self._event(EventKind.REPORT, t=max(0.0, sink.last.t), report=self.report(sink))
            )

    async def over(self, sink: Sink, end_t: float, error: DsbError | None) -> None:
        """The source ended, or broke: the event that names it comes first, then the log's last record."""
        if error is not None:
            _ERRORS.inc()
            self._log.warning("source_error", uri=shown(self._open.uri), error=str(error))
            # Without a single picture there is no time up to which the stream was good.
            await self._tell(EventKind.ERROR, t=end_t if sink.last.index >= 0 else None, text=str(error))
        self.state, self._why = ("failed", str(error)) if error else ("ended", "")
        await sink.end(end_t)
        await self._tell(EventKind.EOS, t=end_t, count=sink.last.index + 1)

    async def over_before(self, sink: Sink) -> None:
        """A predecessor has ended the log, and may have died before it could say so."""
        self.state = "ended"
        await self._tell(EventKind.EOS, t=sink.end_t, count=sink.last.index + 1)

    def drop(self, t: float, reason: str) -> None:
        """Count a dropped frame."""
        metering.dropped("reader", reason)
        self._reasons[reason] += 1
        self._dropped, self._dropped_t = self._dropped + 1, max(t, self._dropped_t)

    def lost(self, t: float, why: str) -> None:
        """A live source gives no pictures; one that never gave any is not lost, but tried again."""
        self._why = why
        if self.state != "playing":
            return
        self.state = "reconnecting"
        _LOST.inc()
        self._log.warning("source_lost", uri=shown(self._open.uri), t=t, why=why)
        self._say(self._event(EventKind.LOST, t=t, text=why))

    def resumed(self, t: float, gap_s: float, tries: int) -> None:
        """It is back."""
        self.state, self._why = "playing", ""
        self._reconnects, self._gap_s = self._reconnects + 1, self._gap_s + gap_s
        _RECONNECTS.inc()
        _GAP_S.inc(gap_s)
        self._log.info("source_resumed", uri=shown(self._open.uri), t=t, gap_s=gap_s, tries=tries)
        text = f"no pictures for {gap_s:.1f} s, from {max(0.0, t - gap_s):.1f} s to {t:.1f} s; tries: {tries}"
        self._say(self._event(EventKind.RESUMED, t=t, count=tries, text=text))

    async def run(self) -> None:
        """Say what is new, and report drops now and then, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._news.wait()
            self._news.clear()
            await self.flush()

    async def flush(self) -> None:
        """Say what was not said yet; drops as their number since the last report, if any."""
        while self._unsaid:
            await self._bus.publish_event(self._unsaid.pop(0))
        if self._dropped:
            count, self._dropped = self._dropped, 0
            await self._tell(EventKind.DROPPED, t=self._dropped_t, count=count)

    def _say(self, event: Event) -> None:
        self._unsaid.append(event)
        self._news.set()

    async def _tell(
        self,
        kind: EventKind,
        *,
        t: float | None = None,
        count: int = 0,
        text: str = "",
        open: Open | None = None,
    ) -> None:
        await self._bus.publish_event(self._event(kind, t=t, count=count, text=text, open=open))

    def _event(
        self,
        kind: EventKind,
        *,
        t: float | None = None,
        count: int = 0,
        text: str = "",
        open: Open | None = None,
        report: StreamReport | None = None,
    ) -> Event:
        return Event(
            opening=self._open.opening,
            kind=kind,
            by=self._worker,
            t=t,
            count=count,
            epoch=self._epoch,
            text=text,
            open=open,
            report=report,
        )

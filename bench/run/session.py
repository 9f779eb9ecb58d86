"""One opening on the wire, as the bench sees it: kept open, its events and final answers followed.

A session knows the owner's watermark, when the stream started, what broke it, and every final so far.
`changed` is told of anything new, so that whoever waits looks again. Lost messages are made good by
repetition, never by waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import NamedTuple, TypeVar

from bench.run.pulse import Pulse
from shared import subjects
from shared.bus import Bus, Stored, failpoints
from shared.errors import BusTimeout, DataError, DsbError, NoResponders, TransportError
from shared.logs import get_logger
from shared.messages import Answer, Event, EventKind, Message, Open, OpenReply, Path
from shared.tasks import end_tasks

__all__ = ["Final", "Instant", "Session", "close_opening"]

M = TypeVar("M", bound=Message)

_KEEP_ALIVE_S = 2.0
_NO_READER_S = 0.5
_HOLDER_S = 2.0
_FINAL = "final"
_EDGE_S = 1e-6


class Instant(NamedTuple):
    """One moment on two clocks that are never subtracted from each other."""

    here: float
    """This process's monotonic clock, seconds."""
    broker: float
    """The broker's, unix seconds."""


class Final(NamedTuple):
    """An answer, a final or that of one tick, and when it came."""

    answer: Answer
    at: Instant


class Session:
    """Use `async with session.running():`; the rest may be read at any time."""

    watermark: float
    """Stream time that the owner has consumed; -1 at first."""
    started: Instant | None
    """When the first frame was published (live)."""
    broken: Event | None
    """What the reader said about a source that can't be read on; its `t` is the last good frame's."""
    end_t: float | None
    """Where the stream ended; null while it goes on."""
    finals: dict[tuple[str, Path], Final]

    def __init__(
        self,
        bus: Bus,
        opened: Open,
        *,
        pulse: Pulse,
        on_answer: Callable[[Final], None],
        on_time: Callable[[float], None],
    ) -> None:
        self.opened, self.bus = opened, bus
        self.watermark, self.started, self.broken, self.finals = -1.0, None, None, {}
        self.end_t = None
        self.dropped = 0
        self._pulse, self._on_answer, self._on_time = pulse, on_answer, on_time
        self._changed = asyncio.Event()
        self._log = get_logger(stream=opened.opening)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the opening open while the context lasts, then close it for all."""
        try:
            async with asyncio.TaskGroup() as group:
                work = [group.create_task(one()) for one in (self._keep_open, self._events, self._answers)]
                try:
                    yield
                finally:
                    await end_tasks(work)
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors
        finally:
            await close_opening(self.bus, self.opened.opening)

    async def wait_change(self, timeout: float) -> None:
        """Return when something is new, or after `timeout` wall-clock seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._changed.wait()

    async def wait_until(self, here: Callable[[], bool], timeout: float) -> bool:
        """Whether `here()` became true within `timeout` wall-clock seconds; looked at whenever something is new."""
        deadline = time.monotonic() + timeout
        while not here():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            await self.wait_change(left)
        return True

    def ended(self, t: float) -> bool:
        """Whether the stream ended before stream time `t`."""
        return self.end_t is not None and t > self.end_t + _EDGE_S

    def breaks(self, t: float) -> bool:
        """Whether the source broke before stream time `t`, so that a question about `t` can't be answered."""
        return self.broken is not None and (self.broken.t is None or self.broken.t < t)

    def _tell(self, *, progress: bool = True) -> None:
        if progress:
            self._pulse.beat()
        self._changed.set()
        self._changed = asyncio.Event()

    async def _keep_open(self) -> None:
        while True:
            try:
                reply = await self._open()
                pause = _KEEP_ALIVE_S if reply.accepted else _NO_READER_S
            except NoResponders:
                pause = _NO_READER_S  # every reader is full, or none is there: wait for one
            except (TransportError, DataError) as error:
                pause = _NO_READER_S
                self._log.info("open_failed", error=str(error))
            await asyncio.sleep(pause)

    async def _open(self) -> OpenReply:
        """Ask the holder, who hears this even when it is full; else any reader."""
        holder = subjects.reader_ctl(f"open.{self.opened.opening}")
        try:
            return await self.bus.request(holder, self.opened, OpenReply, timeout=_HOLDER_S)
        except (NoResponders, BusTimeout):
            # A frozen holder is silent; once its lease ends, another may take over.
            return await self.bus.request(subjects.reader_ctl("open"), self.opened, OpenReply)

    async def _events(self) -> None:
        subject = subjects.event(self.opened.opening, "*")
        async with aclosing(self.bus.follow(subjects.EVENTS, subject)) as stored:
            async for message in stored:
                event = self._parsed(Event, message)
                if event is not None:
                    self._hear(event, message)

    def _hear(self, event: Event, stored: Stored) -> None:
        if event.kind is EventKind.WATERMARK and event.t is not None:
            self.watermark = max(self.watermark, event.t)
            self._on_time(self.watermark)
        elif event.kind is EventKind.STARTED and self.started is None:
            self.started = Instant(time.monotonic(), stored.time)
        elif event.kind is EventKind.EOS and event.t is not None:
            self.end_t = event.t
        elif event.kind is EventKind.ERROR:
            self.broken = self.broken or event
            self._log.warning("source_error", text=event.text, t=event.t)
        elif event.kind is EventKind.DROPPED:
            self.dropped += event.count
        self._tell()

    async def _answers(self) -> None:
        subject = subjects.answers(self.opened.opening)
        async with aclosing(self.bus.follow(subjects.ANSWERS, subject)) as stored:
            async for message in stored:
                answer = self._parsed(Answer, message)
                if answer is not None:
                    await self._take(answer, message)

    async def _take(self, answer: Answer, stored: Stored) -> None:
        final = Final(answer, Instant(time.monotonic(), stored.time))
        if answer.n != _FINAL:
            await failpoints.ahit("bench.tick_received", answer.key)
            self._on_answer(final)
            self._tell()
            return
        if (answer.key, answer.path) in self.finals:
            return
        await failpoints.ahit("bench.final_received", answer.key)
        self._on_answer(final)
        self.finals[answer.key, answer.path] = final
        await failpoints.ahit("bench.record_written", answer.key)
        self._tell()

    def _parsed(self, model: type[M], message: Stored) -> M | None:
        try:
            return model.from_bytes(message.body)
        except DataError as error:
            self._log.error("bad_message", subject=message.subject, seq=message.seq, error=str(error))
            return None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """One error of a group, one that tells the user something if there is any."""
    known = errors.subgroup(DsbError)
    error: BaseException = known if known is not None else errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def close_opening(bus: Bus, opening: str) -> None:
    """Tell all that an opening is over, so that they let go of it."""
    await bus.publish_event(Event(opening=opening, kind=EventKind.CLOSED, by=bus.name))

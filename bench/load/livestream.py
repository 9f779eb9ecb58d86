"""One live stream of a load, and questions about the present of it, now and then one to S2."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from itertools import count

from bench.load.footage import Footage, asks
from bench.run.live import emitted
from bench.run.pulse import Pulse
from bench.run.session import Final, Session
from shared import subjects
from shared.bus import Bus, FrameLog
from shared.errors import BusTimeout, TransportError
from shared.messages import Ask, AskReply, Open, Profile, Question, Route, Status
from shared.messages import Path as Way

__all__ = ["PATIENCE_S", "Heard", "LiveStream"]

PATIENCE_S = 60.0
"""Wall-clock seconds that a stream may take until its first frame, and an answer from the time its question was due."""

_AGAIN_S = 0.1
_NUMBERS = count()


@dataclass
class Heard:
    """What was heard of one stream since some moment."""

    asked: int = 0
    right: int = 0
    failed: list[str] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    """At the ask, seconds since the newest frame that S1's answer rests on."""
    latencies: list[float] = field(default_factory=list)
    """Wall-clock seconds from when the question was due to S1's answer held."""
    stales: list[float] = field(default_factory=list)
    """As `ages`, when the answer was published."""
    slow: list[float] = field(default_factory=list)
    """As `latencies`, of S2's answers."""


class LiveStream:
    """One live stream and its questions; `s2_every` sends every so-manieth to S2, 0 sends none."""

    def __init__(
        self, bus: Bus, footage: Footage, profile: Profile, *, ask_every_s: float, s2_every: int = 0
    ) -> None:
        self.heard = Heard()
        number = next(_NUMBERS)
        self.opened = Open(opening=f"load_{number}_0", run="load", uri=str(footage.video), profile=profile)
        self.session = Session(
            bus, self.opened, pulse=Pulse(PATIENCE_S), on_answer=_unheard, on_time=_unheard
        )
        self._s2_every = s2_every
        self._asks = asks(footage.scene, self.opened.opening, every_s=ask_every_s, first=number)

    @property
    def dropped(self) -> int:
        """Frames that the reader or S1 gave up, ever since it was opened."""
        return self.session.dropped

    async def admitted(self) -> str:
        """Empty once S1 has taken it; else its refusal, in one line."""
        session = self.session
        if not await session.wait_until(lambda: session.started is not None, PATIENCE_S):
            raise TransportError(f"{self.opened.opening} did not start within {PATIENCE_S:g} s")
        question, _ = self._asks[0]
        first = question.model_copy(update={"key": "first", "t_ask": self._now()})
        return await self._send(first, Way.S1, time.monotonic() + PATIENCE_S)

    async def follow(self, over: asyncio.Event) -> None:
        """Ask about the present until `over`, then return once all that was asked is answered or given up.

        Each question goes out when it is due, however many before it wait still. Who waits for one answer before the
        next ask sends the fewest questions just when answers are slow, and then finds them quick.
        """
        begun = self._now()
        async with asyncio.TaskGroup() as asking:
            for number, (question, gold) in enumerate(self._asks, start=1):
                if question.t_ask < begun:
                    continue
                if await _set_within(over, question.t_ask - self._now()):
                    return
                slow = bool(self._s2_every) and number % self._s2_every == 0
                asking.create_task(self._ask(question, gold, Way.S2 if slow else Way.S1))

    async def lags(self) -> list[float]:
        """Seconds by which each frame that the log still holds was published behind its own time."""
        started = self.session.started
        log = await FrameLog(self.session.bus, self.opened.opening, live=True).index()
        return [
            record.time - started.broker - record.t for record in log if started and record.kind == "frame"
        ]

    @property
    def _zero(self) -> float:
        """Stream time 0 on this process's clock."""
        started = self.session.started
        assert started is not None
        return started.here

    def _now(self) -> float:
        return time.monotonic() - self._zero

    async def _send(self, question: Question, way: Way, deadline: float) -> str:
        """Send until it is accepted (empty) or refused (why); raises `TransportError` at the deadline."""
        route = Route.FORCE_S2 if way is Way.S2 else Route.FORCE_S1
        ask = Ask(question=question, route=route, open=self.opened)
        while time.monotonic() < deadline:
            # A router that is too busy to reply in time may get the same ask again.
            with contextlib.suppress(BusTimeout):
                reply = await self.session.bus.request(subjects.ask(question.opening), ask, AskReply)
                if reply.status != "waiting":
                    return "" if reply.status == "accepted" else reply.reason or "refused"
            await asyncio.sleep(_AGAIN_S)
        raise TransportError(f"{question.opening}: neither accepted nor refused within {PATIENCE_S:g} s")

    async def _ask(self, question: Question, gold: str, way: Way) -> None:
        heard, session, key = self.heard, self.session, (question.key, way)
        heard.asked += 1
        # Not when it is sent: what this process is late by itself is part of the wait.
        due = self._zero + question.t_ask
        deadline = due + PATIENCE_S
        try:
            why = await self._send(question, way, deadline)
        except TransportError as error:
            why = str(error)
        if why:
            heard.failed.append(why)
        elif not await session.wait_until(lambda: key in session.finals, deadline - time.monotonic()):
            heard.failed.append(f"no answer of {way} within {PATIENCE_S:g} s")
        else:
            self._take(question, gold, session.finals.pop(key), due)

    def _take(self, question: Question, gold: str, final: Final, due: float) -> None:
        heard, draft, took_s = self.heard, final.answer.draft, final.at.here - due
        if final.answer.status is not Status.OK or draft is None:
            heard.failed.append(final.answer.error)
            return
        heard.right += draft.choice == gold
        if final.answer.path is Way.S2:
            heard.slow.append(took_s)
            return
        heard.latencies.append(took_s)
        if draft.frames_ts:
            newest = max(draft.frames_ts)
            heard.ages.append(question.t_ask - newest)
            heard.stales.append((emitted(self.session, final) or 0.0) - newest)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event is set before so many seconds of wall clock are over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def _unheard(_news: object) -> None:
    """Finals are looked at in the session."""

"""One live stream of a load, and questions about the present of it, now and then one to S2."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import count

from bench.load.footage import Footage, asks
from bench.run.live import emitted
from bench.run.pulse import Pulse
from bench.run.session import Final, Session
from shared import subjects
from shared.bus import Bus, FrameLog
from shared.errors import TransportError
from shared.messages import Ask, AskReply, Open, Profile, Question, Route, Status
from shared.messages import Path as Way

__all__ = ["PATIENCE_S", "Heard", "LiveStream"]

PATIENCE_S = 60.0
"""Wall-clock seconds that a stream may take until its first frame, and an answer until it is there."""

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
    """Wall-clock seconds from the ask sent to S1's answer held."""
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
        self._asks = list(asks(footage.scene, self.opened.opening, every_s=ask_every_s, first=number))

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
        return await self._send(question.model_copy(update={"key": "first", "t_ask": self._now()}))

    async def follow(self) -> None:
        """Ask about the present, at the questions' own times, for ever."""
        for number, (question, gold) in enumerate(self._asks, start=1):
            wait = question.t_ask - self._now()
            if wait >= 0:
                await asyncio.sleep(wait)
                slow = bool(self._s2_every) and number % self._s2_every == 0
                await self._ask(question, gold, Way.S2 if slow else Way.S1)

    async def lags(self) -> list[float]:
        """Seconds by which each frame that the log still holds was published behind its own time."""
        started = self.session.started
        log = await FrameLog(self.session.bus, self.opened.opening, live=True).index()
        return [
            record.time - started.broker - record.t for record in log if started and record.kind == "frame"
        ]

    def _now(self) -> float:
        started = self.session.started
        assert started is not None
        return time.monotonic() - started.here

    async def _send(self, question: Question, way: Way = Way.S1) -> str:
        """Send until it is accepted (empty) or refused (why)."""
        route = Route.FORCE_S2 if way is Way.S2 else Route.FORCE_S1
        ask = Ask(question=question, route=route, open=self.opened)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            reply = await self.session.bus.request(subjects.ask(question.opening), ask, AskReply)
            if reply.status != "waiting":
                return "" if reply.status == "accepted" else reply.reason or "refused"
            await asyncio.sleep(0.1)
        raise TransportError(f"{question.opening}: neither accepted nor refused within {PATIENCE_S:g} s")

    async def _ask(self, question: Question, gold: str, way: Way) -> None:
        heard, session, began = self.heard, self.session, time.monotonic()
        heard.asked += 1
        due = (question.key, way)
        if why := await self._send(question, way):
            heard.failed.append(why)
        elif not await session.wait_until(lambda: due in session.finals, PATIENCE_S):
            heard.failed.append(f"no answer of {way} within {PATIENCE_S:g} s")
        else:
            self._take(question, gold, session.finals.pop(due), began)

    def _take(self, question: Question, gold: str, final: Final, began: float) -> None:
        heard, draft, took_s = self.heard, final.answer.draft, final.at.here - began
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


def _unheard(_news: object) -> None:
    """Finals are looked at in the session."""

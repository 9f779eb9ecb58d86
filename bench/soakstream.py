"""One live stream of a soak: a long video of the synthetic world, and questions about the present of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bench.data.world as world
from bench.run.live import emitted
from bench.run.pulse import Pulse
from bench.run.session import Session
from shared import subjects
from shared.bus import Bus
from shared.errors import TransportError
from shared.messages import Ask, AskReply, Mode, Open, Option, Profile, Question, Route, Status, VideoSpec
from shared.messages import Path as Way
from shared.video.synth import Scene, script

__all__ = ["Heard", "LiveStream"]

_LEVEL, _FILE_FPS = 2, 4
_START_S = 60.0
"""Wall-clock seconds that a stream may take until its first frame, and an answer until it is there."""
_PHASE = 0.6180339887
"""Asks fall evenly into all parts of a second: multiples of the golden ratio."""


@dataclass
class Heard:
    """What was heard of one stream."""

    asked: int = 0
    right: int = 0
    failed: list[str] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    """At the ask, seconds since the newest frame that the answer rests on."""
    latencies: list[float] = field(default_factory=list)
    """Wall-clock seconds from the ask sent to the answer held."""
    stales: list[float] = field(default_factory=list)
    """As `ages`, when the answer was published."""


class LiveStream:
    """One live stream, its video and its questions."""

    def __init__(self, folder: Path, number: int, *, duration_s: float, fps: float) -> None:
        self.heard = Heard()
        seed = world.split_seeds(world.Split.TEST, number + 1)[-1]
        scene = script(seed, duration_s=duration_s, level=_LEVEL)
        profile = Profile(mode=Mode.LIVE, video=VideoSpec(fps=fps))
        video = folder / f"stream-{number}.mp4"
        world.encode_video(scene, video, fps=_FILE_FPS)
        self.opened = Open(opening=f"soak_{number}_0", run="soak", uri=str(video), profile=profile)
        self._asks = list(_asks(scene, self.opened.opening))

    def session(self, bus: Bus) -> Session:
        """Its opening on the wire, to be run."""
        pulse = Pulse(_START_S)
        self._session = Session(bus, self.opened, pulse=pulse, on_answer=_unheard, on_time=_unheard)
        return self._session

    @property
    def dropped(self) -> int:
        """Frames that the reader or S1 gave up."""
        return self._session.dropped

    async def admitted(self) -> str:
        """Empty once S1 has taken it; else its refusal, in one line."""
        session = self._session
        if not await session.wait_until(lambda: session.started is not None, _START_S):
            raise TransportError(f"{self.opened.opening} did not start within {_START_S:g} s")
        question, _ = self._asks[0]
        return await self._send(question.model_copy(update={"key": "first", "t_ask": self._now()}))

    async def follow(self) -> None:
        """Ask about the present, at the questions' own times, for ever."""
        for question, gold in self._asks:
            wait = question.t_ask - self._now()
            if wait >= 0:
                await asyncio.sleep(wait)
                await self._ask(question, gold)

    def _now(self) -> float:
        started = self._session.started
        assert started is not None
        return time.monotonic() - started.here

    async def _send(self, question: Question) -> str:
        """Send until it is accepted (empty) or refused (why)."""
        ask = Ask(question=question, route=Route.FORCE_S1, open=self.opened)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            reply = await self._session.bus.request(subjects.ask(question.opening), ask, AskReply)
            if reply.status != "waiting":
                return "" if reply.status == "accepted" else reply.reason or "refused"
            await asyncio.sleep(0.1)
        raise TransportError(f"{question.opening}: neither accepted nor refused within {_START_S:g} s")

    async def _ask(self, question: Question, gold: str) -> None:
        heard, session, began = self.heard, self._session, time.monotonic()
        heard.asked += 1
        due = (question.key, Way.S1)
        if why := await self._send(question):
            heard.failed.append(why)
            return
        if not await session.wait_until(lambda: due in session.finals, _START_S):
            heard.failed.append(f"no answer within {_START_S:g} s")
            return
        final = session.finals.pop(due)
        draft = final.answer.draft
        if final.answer.status is not Status.OK or draft is None:
            heard.failed.append(final.answer.error)
            return
        heard.latencies.append(final.at.here - began)
        heard.right += draft.choice == gold
        if draft.frames_ts:
            newest = max(draft.frames_ts)
            heard.ages.append(question.t_ask - newest)
            heard.stales.append((emitted(session, final) or 0.0) - newest)


def _asks(scene: Scene, opening: str) -> Iterator[tuple[Question, str]]:
    """Questions about the present with their gold, one in five seconds or so, in time order."""
    for number, asked in enumerate(world.questions(scene, "realtime", seed=0, n=int(scene.duration_s / 5))):
        # The world changes at whole seconds: within one, gold stays.
        t = int(asked.ask_s) + (number * _PHASE) % 1
        options = tuple(Option(key=o.key, text=o.text) for o in asked.options)
        key, text = f"q{number}", asked.text
        yield (
            Question(opening=opening, key=key, sample="soak", t_ask=t, text=text, options=options),
            asked.gold,
        )


def _unheard(_news: object) -> None:
    """Finals are looked at in the session."""

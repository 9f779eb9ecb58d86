"""Questions to S2 of which a fixed number is always under way, so that its queue never runs empty."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from bench.load.footage import footage
from bench.run.capacity import reach
from bench.run.pulse import Pulse
from bench.run.session import Session
from shared import subjects
from shared.bus import Bus
from shared.errors import BusTimeout, TransportError
from shared.messages import Ask, AskReply, NoteSpec, Open, Option, Profile, Question, Route, Status, VideoSpec
from shared.messages import Path as Way
from shared.tasks import end_tasks

__all__ = ["Backlog", "backlog"]

_T_ASK = 12.0
_WITHIN_S = 120.0
_OPTIONS = tuple(Option(key=key, text=text) for key, text in zip("AB", ("red", "blue"), strict=True))
_NUMBERS = count()


class Backlog:
    """One opening in capacity mode that has been seen up to the ask time, and its questions."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keys = count()
        self.done: list[float] = []
        """When each answer came, this process's clock."""

    @asynccontextmanager
    async def pressing(self, depth: int) -> AsyncIterator[None]:
        """Keep `depth` questions under way while the context lasts; those begun are answered before it ends."""
        over = asyncio.Event()
        asking = [asyncio.create_task(self._press(over)) for _ in range(depth)]
        try:
            yield
            over.set()
            await asyncio.gather(*asking)
        finally:
            await end_tasks(asking)

    async def wait(self, count: int) -> None:
        """Return once so many answers have come in all; raises `TransportError` when none comes for long."""
        deadline, seen = time.monotonic() + _WITHIN_S, len(self.done)
        while len(self.done) < count:
            await asyncio.sleep(0.02)
            if len(self.done) > seen:
                deadline, seen = time.monotonic() + _WITHIN_S, len(self.done)
            elif time.monotonic() > deadline:
                raise TransportError(f"S2 gave no answer for {_WITHIN_S:g} s: see its log")

    async def _press(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self._ask()
            self.done.append(time.monotonic())

    async def _ask(self) -> None:
        session = self._session
        opening, key = session.opened.opening, f"b{next(self._keys)}"
        question = Question(
            opening=opening,
            key=key,
            sample="load",
            t_ask=_T_ASK,
            text="What colour is the circle now?",
            options=_OPTIONS,
        )
        ask = Ask(question=question, route=Route.FORCE_S2, open=session.opened)
        status = ""
        while status != "accepted":
            try:
                status = (await session.bus.request(subjects.ask(opening), ask, AskReply)).status
            except BusTimeout:
                continue  # the same ask may come again
            if status != "accepted":
                await asyncio.sleep(0.05)
        due = (key, Way.S2)
        if not await session.wait_until(lambda: due in session.finals, _WITHIN_S):
            raise TransportError(f"question {key} has no answer of S2 after {_WITHIN_S:g} s: see its log")
        answer = session.finals.pop(due).answer
        if answer.status is not Status.OK:
            raise TransportError(f"question {key} failed on S2: {answer.error}")


@asynccontextmanager
async def backlog(bus: Bus, folder: Path) -> AsyncIterator[Backlog]:
    """An opening that is ready to be asked about; asks nothing yet."""
    film = await asyncio.to_thread(footage, folder, 0, duration_s=_T_ASK + 2)
    profile = Profile(video=VideoSpec(fps=1), notes=NoteSpec(enabled=False))
    opened = Open(opening=f"backlog_{next(_NUMBERS)}_0", run="load", uri=str(film.video), profile=profile)
    pulse = Pulse(_WITHIN_S)
    session = Session(bus, opened, pulse=pulse, on_answer=_unheard, on_time=_unheard)
    async with session.running():
        failed = await reach(session, _T_ASK, pulse)
        if failed is not None:
            raise TransportError(f"stream time {_T_ASK:g} s was not reached: {failed[1]}")
        yield Backlog(session)


def _unheard(_news: object) -> None:
    """Finals are looked at in the session."""

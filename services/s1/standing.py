"""The standing questions of one owned opening: who owns the stream looks at them again and again, on their grid.

Each is kept in the bucket before it is accepted, so that a successor goes on where its predecessor stopped. Each tick
has one answer on each path, stored once, also when the system stays silent. Capacity mode passes over no tick; live,
who is behind goes on with the newest.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from services.s1.settings import S1Settings
from services.s1.stream_time import StreamTime
from services.s1.ticks import Course, Look, S1Look, S2Look
from shared import subjects
from shared.bus import Bus, Lease, failpoints
from shared.errors import DsbError, LeaseLost
from shared.logs import get_logger
from shared.messages import Done, Open, Path, S1Ask, Status
from shared.perception import Perceiver, said_yes
from shared.retry import persist
from shared.tasks import end_tasks
from shared.vlm import Vlm

__all__ = ["StandingQuestions"]

_PAUSE_S = 0.5
_LIVE_BACK = 16
"""How many ticks a successor looks back for the last answer (live mode)."""


class StandingQuestions:
    """The standing questions that are being looked at."""

    def __init__(
        self,
        bus: Bus,
        opened: Open,
        lease: Lease,
        perceiver: Perceiver,
        time: StreamTime,
        *,
        vlm: Vlm,
        model_thread: Executor,
        settings: S1Settings,
        worker: str,
    ) -> None:
        self._bus, self._open, self._lease, self._time = bus, opened, lease, time
        self._looks: dict[Path, Look] = {
            Path.S1: S1Look(
                bus, lease, perceiver, vlm=vlm, model_thread=model_thread, settings=settings, worker=worker
            ),
            Path.S2: S2Look(bus, lease, opened.profile, settings=settings),
        }
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._log = get_logger(stream=opened.opening)

    async def load(self) -> None:
        """Take up what a predecessor had accepted."""
        asks = await persist(
            lambda: self._bus.kept(subjects.STANDING_BUCKET, subjects.standing(self._open.opening), S1Ask),
            what="standing questions",
            while_=lambda: self._lease.valid,
        )
        for ask in asks:
            self._begin(ask, taken_over=True)

    async def take(self, ask: S1Ask) -> Done:
        """Keep the question and begin to look at it; one that is known is left alone."""
        key = ask.question.key
        if key not in self._tasks:
            where = f"{subjects.standing(self._open.opening)}.{key}"
            new = await self._bus.keep(subjects.STANDING_BUCKET, where, ask)
            await failpoints.ahit("s1.standing_stored", ask.question.text)
            self._lease.require()
            self._begin(ask, taken_over=not new)
        return Done()

    async def finish(self) -> None:
        """Stop looking: what is going on is left to the successor."""
        await end_tasks([task for tasks in self._tasks.values() for task in tasks])

    def _begin(self, ask: S1Ask, *, taken_over: bool) -> None:
        if ask.question.key not in self._tasks:
            courses = [Course(ask, path, taken_over=taken_over) for path in ask.paths]
            self._tasks[ask.question.key] = [asyncio.create_task(self._run(one)) for one in courses]

    async def _run(self, course: Course) -> None:
        """Look at every tick; the first one also when the stream is over by then."""
        while course.next < len(course.times):
            try:
                t = course.times[course.next]
                if course.next == 0:
                    await self._time.until(t)
                elif not await self._time.within(t):
                    return
                await self._step(course)
            except LeaseLost:
                return
            except DsbError as error:
                self._log.warning("tick_failed", question=course.question.key, error=str(error))
                await asyncio.sleep(_PAUSE_S)
            except Exception:  # noqa: BLE001 - logged, and counted
                # Nobody foresaw it, and it may come each time: it counts like an owner that died on the tick.
                self._log.exception("tick_broke", question=course.question.key, tick=course.next)
                course.attempts += 1
                await asyncio.sleep(_PAUSE_S)

    async def _step(self, course: Course) -> None:
        newest = course.newest(self._time.now)
        if course.taken_over and await self._answered(course, newest):
            return
        tick = max(course.next, newest) if self._open.profile.live else course.next
        await self._looks[course.path].look(course, tick)
        course.next = tick + 1

    async def _answered(self, course: Course, newest: int) -> bool:
        """Go on behind the last tick that a predecessor answered, if there is one; else the ticks are ours now."""
        first, behind = course.next, -1
        lowest = max(0, newest - _LIVE_BACK) if self._open.profile.live else 0
        for tick in range(newest, lowest - 1, -1):
            if tick < first and behind < 0:
                break
            answer = await self._bus.answer_of(
                course.question.opening, course.question.key, course.path, str(tick)
            )
            if answer is not None:
                behind = max(behind, tick + 1)
                if answer.status is Status.OK:
                    course.said = said_yes(answer.draft)
                    break
        if behind >= 0:
            course.next = behind
            return True
        course.taken_over = False
        if course.path is Path.S1:
            course.attempts = 1 + await self._deaths(course)
        return False

    async def _deaths(self, course: Course) -> int:
        """How many owners stopped at this very tick: counted when somebody takes over, so a tick costs no write."""
        counter = f"{self._open.opening}.tick.{course.question.key}.{course.next}"
        return await persist(
            lambda: self._bus.bump(subjects.STANDING_BUCKET, counter),
            what="attempt counter",
            while_=lambda: self._lease.valid,
        )

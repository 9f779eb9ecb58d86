"""One tick of a standing question: answered here on S1's path, queued as a short job on S2's.

A tick that has stopped its owner `max_attempts` times becomes a dead letter and an error answer.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from concurrent.futures import Executor
from functools import partial
from typing import Protocol

from services.s1.settings import S1Settings
from shared import metering, subjects, tracing
from shared.bus import Bus, Lease, failpoints
from shared.errors import DsbError, Overloaded
from shared.messages import Answer, DeadLetter, Draft, Path, Profile, Question, S1Ask, S2Job, Status, Timings
from shared.perception import Perceiver, at_tick, said_yes, ticks
from shared.perception.standing import EDGE_S
from shared.retry import persist
from shared.telemetry import counter
from shared.vlm import Vlm

__all__ = ["Course", "Look", "S1Look", "S2Look"]

_TICKS = counter("ticks_total", "Ticks of standing questions by path and outcome", "path", "outcome")
_LOOK_S = 0.05


class Course:
    """One standing question on one path, and how far it has come."""

    next: int
    """The tick that comes next."""
    said: bool
    """Whether the last tick that was answered said yes."""
    taken_over: bool
    """Whether a predecessor may have answered the tick that comes next."""
    attempts: int
    """How often the next tick has been taken up, by this owner and those before it."""
    queued: int | None
    """S2's tick that was queued last, until its answer is known."""

    def __init__(self, ask: S1Ask, path: Path, *, taken_over: bool) -> None:
        self.ask, self.question, self.path = ask, ask.question, path
        self.times = ticks(ask.question)
        self.next, self.said, self.taken_over, self.attempts = 0, False, taken_over, 1
        self.queued: int | None = None

    def newest(self, t: float) -> int:
        """The newest tick at or before stream time `t`; -1 when none is."""
        return bisect_right(self.times, t + EDGE_S) - 1


class Look(Protocol):
    """How a path looks at a tick."""

    async def look(self, course: Course, tick: int) -> None:
        """Deal with one tick; raises `LeaseLost`, or another `DsbError` when it should be tried again."""
        ...


class S1Look:
    """Answers from the owner's own window."""

    def __init__(
        self,
        bus: Bus,
        lease: Lease,
        perceiver: Perceiver,
        *,
        vlm: Vlm,
        model_thread: Executor,
        settings: S1Settings,
        worker: str,
    ) -> None:
        self._bus, self._lease, self._perceiver = bus, lease, perceiver
        self._model, self._model_thread, self._worker = vlm.name, model_thread, worker
        self._max_attempts = settings.max_attempts

    async def look(self, course: Course, tick: int) -> None:
        """Answer the tick and store the answer, be it silence."""
        question, started = at_tick(course.question, tick), time.perf_counter()
        if course.attempts > self._max_attempts:
            await self._give_up(course, question, tick)
            return
        await failpoints.ahit("s1.tick", question.text)
        try:
            with tracing.span("s1.model", course.ask.trace, dsb_model=self._model, dsb_tick=tick):
                draft, busy_s = await asyncio.get_running_loop().run_in_executor(
                    self._model_thread, partial(self._run, question, spoke=course.said)
                )
        except DsbError as error:
            await self._publish(course, question, tick, Status.ERROR, error=str(error))
            return
        await failpoints.ahit("s1.tick_computed", question.text)
        total = time.perf_counter() - started
        timings = Timings(router=course.ask.route.router_s, queue=total - busy_s, model=busy_s, total=total)
        await self._publish(course, question, tick, Status.OK, draft=draft, timings=timings)
        await failpoints.ahit("s1.tick_published", question.text)

    def _run(self, question: Question, *, spoke: bool) -> tuple[Draft, float]:
        started = time.perf_counter()
        draft = self._perceiver.answer(question, spoke=spoke)
        return draft, time.perf_counter() - started

    async def _give_up(self, course: Course, question: Question, tick: int) -> None:
        reason = (
            f"tick {tick} stopped its owner {course.attempts - 1} times, the limit is {self._max_attempts}: "
            f"its text is in {subjects.DLQ}"
        )
        # The letter first: a successor that finds the error stored writes none.
        await self._bus.dead_letter(
            DeadLetter(
                service="s1",
                reason=reason,
                opening=question.opening,
                key=question.key,
                tick=tick,
                body=course.ask.model_dump(mode="json"),
            )
        )
        await failpoints.ahit("s1.lettered_not_published", question.text)
        await self._publish(course, question, tick, Status.ERROR, error=reason)

    async def _publish(
        self,
        course: Course,
        question: Question,
        tick: int,
        status: Status,
        *,
        draft: Draft | None = None,
        error: str = "",
        timings: Timings = Timings(),  # noqa: B008 - frozen
    ) -> None:
        self._lease.require()
        answer = Answer(
            opening=question.opening,
            key=question.key,
            path=Path.S1,
            n=str(tick),
            status=status,
            error=error,
            draft=draft,
            t_ask=question.t_ask,
            route=course.ask.route,
            worker=self._worker,
            model=self._model,
            epoch=self._lease.epoch,
            attempts=course.attempts,
            timings=timings,
            trace=course.ask.trace,
        )
        stored: Answer | None = answer
        ours = await self._bus.publish_answer(answer)
        metering.answered(answer, stored=ours)
        if not ours:
            # Another owner was here: what counts is what it stored.
            stored = await self._bus.answer_of(question.opening, question.key, Path.S1, str(tick))
        course.attempts = 1
        if stored is not None and stored.status is Status.OK:
            course.said = said_yes(stored.draft)
        _TICKS.labels("s1", status).inc()


class S2Look:
    """Queues a short job a tick; the next one waits until the last one's answer is known."""

    def __init__(self, bus: Bus, lease: Lease, profile: Profile, *, settings: S1Settings) -> None:
        self._bus, self._lease, self._profile = bus, lease, profile
        self._max_age_s = settings.tick_max_age_s if profile.live else None

    async def look(self, course: Course, tick: int) -> None:
        """Queue the tick; live, it is passed over while S2 is busy with the last one, or its queue is full."""
        if not await self._settled(course):
            _TICKS.labels("s2", "passed_over").inc()
            return
        self._lease.require()
        job = S2Job(
            question=at_tick(course.question, tick),
            profile=self._profile,
            route=course.ask.route,
            tick=tick,
            spoke=course.said,
            max_age_s=self._max_age_s,
            trace=course.ask.trace,
        )
        await failpoints.ahit("s1.tick_queueing", course.question.text)
        try:
            await persist(
                lambda: self._bus.enqueue(job),
                what="tick",
                within_s=0.0 if self._profile.live else None,
                while_=lambda: self._lease.valid,
            )
        except Overloaded:
            if not self._profile.live:
                raise
            _TICKS.labels("s2", "passed_over").inc()
            return
        course.queued = tick
        await failpoints.ahit("s1.tick_queued", course.question.text)
        _TICKS.labels("s2", "queued").inc()

    async def _settled(self, course: Course) -> bool:
        """Whether the answer to the tick queued last is known; waits for it in capacity mode."""
        while course.queued is not None:
            answer = await self._bus.answer_of(
                course.question.opening, course.question.key, Path.S2, str(course.queued)
            )
            if answer is None and self._profile.live:
                return False
            if answer is None:
                self._lease.require()
                await asyncio.sleep(_LOOK_S)
                continue
            course.queued = None
            if answer.status is Status.OK:
                course.said = said_yes(answer.draft)
        return True

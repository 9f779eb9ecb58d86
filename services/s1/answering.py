"""Answering the questions of one owned opening, each once.

A question waits for the watermark (capacity mode), counts its attempts where a successor finds them, and is published
under the fence of the lease. A question that has killed `max_attempts` owners becomes a dead letter.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Executor

from services.s1.settings import S1Settings
from services.s1.stream_time import StreamTime
from shared import metering, subjects, tracing
from shared.bus import Bus, Lease, failpoints
from shared.errors import DsbError, LeaseLost
from shared.logs import get_logger
from shared.messages import Answer, DeadLetter, Done, Draft, Open, Path, S1Ask, Status, Timings
from shared.perception import Perceiver
from shared.retry import persist
from shared.tasks import end_tasks
from shared.vlm import Vlm

__all__ = ["Answering"]

_REMEMBERED = 256
"""The newest questions of an opening that were answered: an older one that comes again is looked for in the log."""


class Answering:
    """The questions of one opening that are being answered."""

    def __init__(
        self,
        bus: Bus,
        opened: Open,
        lease: Lease,
        perceiver: Perceiver,
        stream_time: StreamTime,
        *,
        vlm: Vlm,
        model_thread: Executor,
        settings: S1Settings,
        worker: str,
    ) -> None:
        self._bus, self._open, self._lease, self._perceiver = bus, opened, lease, perceiver
        self._model, self._model_thread, self._worker = vlm.name, model_thread, worker
        self._max_attempts = settings.max_attempts
        self._time = stream_time
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done: dict[str, None] = {}
        self._log = get_logger(stream=opened.opening)

    def take(self, ask: S1Ask) -> Done:
        """Begin to answer; a question that is being answered, or was, is left alone."""
        key = ask.question.key
        if ask.again:
            self._done.pop(key, None)
        if key not in self._done and key not in self._tasks:
            task = asyncio.create_task(self._answer(ask))
            self._tasks[key] = task
            task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return Done()

    async def finish(self, *, wait: bool) -> None:
        """End what is going on: answered out when `wait`, thrown away when fenced.

        Who waits for frames never ends by itself any more: it is left to the successor.
        """
        tasks = list(self._tasks.values())
        if wait and tasks:
            await asyncio.wait(tasks, timeout=2.0)
        await end_tasks(tasks)

    async def _answer(self, ask: S1Ask) -> None:
        taken = time.perf_counter()
        try:
            if not self._open.profile.live:
                await self._time.until(ask.question.t_ask)
            await self._answer_once(ask, taken)
            self._done[ask.question.key] = None
            if len(self._done) > _REMEMBERED:
                del self._done[next(iter(self._done))]
        except LeaseLost:
            self._log.warning("answer_fenced", question=ask.question.key)
        except DsbError as error:
            # The bench asks again until there is a final: nothing is lost by giving up here.
            self._log.warning("answer_failed", question=ask.question.key, error=str(error))
        except Exception:  # noqa: BLE001 - logged, and counted
            # Asked again it counts as one more attempt, so that it ends in an error.
            self._log.exception("answer_broke", question=ask.question.key)

    async def _answer_once(self, ask: S1Ask, taken: float) -> None:
        question = ask.question
        counter_key = f"{question.opening}.{question.key}"
        attempt = await persist(
            lambda: self._bus.bump(subjects.STANDING_BUCKET, counter_key),
            what="attempt counter",
            while_=lambda: self._lease.valid,
        )
        if attempt > 1 and await self._bus.answered(question.opening, question.key, Path.S1):
            return
        if attempt > self._max_attempts:
            await self._give_up(ask, attempt)
            return
        await failpoints.ahit("s1.answering", question.text)
        started = time.perf_counter()
        try:
            with tracing.span("s1.model", ask.trace, dsb_model=self._model):
                draft, busy_s = await asyncio.get_running_loop().run_in_executor(
                    self._model_thread, self._run, ask
                )
        except DsbError as error:
            await self._publish(ask, Status.ERROR, attempt, Timings(), error=str(error))
            return
        timings = Timings(
            router=ask.route.router_s,
            queue=started - taken + time.perf_counter() - started - busy_s,
            model=busy_s,
            total=time.perf_counter() - taken,
        )
        await failpoints.ahit("s1.computed_not_published", question.text)
        await self._publish(ask, Status.OK, attempt, timings, draft=draft)
        await failpoints.ahit("s1.published_not_replied", question.text)

    def _run(self, ask: S1Ask) -> tuple[Draft, float]:
        started = time.perf_counter()
        draft = self._perceiver.answer(ask.question)
        return draft, time.perf_counter() - started

    async def _give_up(self, ask: S1Ask, attempt: int) -> None:
        killed, limit = attempt - 1, self._max_attempts
        reason = f"question killed {killed} owners, the limit is {limit}: its text is in {subjects.DLQ}"
        # The letter first: a successor that finds the error stored writes none.
        await self._bus.dead_letter(
            DeadLetter(
                service="s1",
                reason=reason,
                opening=ask.question.opening,
                key=ask.question.key,
                body=ask.model_dump(mode="json"),
            )
        )
        await failpoints.ahit("s1.lettered_not_published", ask.question.text)
        await self._publish(ask, Status.ERROR, attempt, Timings(), error=reason)

    async def _publish(
        self,
        ask: S1Ask,
        status: Status,
        attempt: int,
        timings: Timings,
        *,
        draft: Draft | None = None,
        error: str = "",
    ) -> None:
        self._lease.require()
        answer = Answer(
            opening=ask.question.opening,
            key=ask.question.key,
            path=Path.S1,
            status=status,
            error=error,
            draft=draft,
            t_ask=ask.question.t_ask,
            route=ask.route,
            worker=self._worker,
            model=self._model,
            epoch=self._lease.epoch,
            attempts=attempt,
            timings=timings,
            trace=ask.trace,
        )
        metering.answered(answer, stored=await self._bus.publish_answer(answer))

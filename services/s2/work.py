"""One job from the queue to its stored answer.

A job that has been delivered too often has killed its workers: it is not run again but becomes a dead letter and an
error answer. (Code that runs "on the last delivery" would never run then.)
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Executor
from functools import partial

from services.s2.evidence import Evidence, Frames, Notes
from services.s2.settings import S2Settings
from services.s2.unreadable import error_for, letter_for
from shared import metering, tracing
from shared.bus import Bus, Job, failpoints
from shared.errors import DsbError, TransportError
from shared.logs import get_logger
from shared.messages import Answer, DeadLetter, Draft, Path, S2Job, Status, Timings
from shared.perception import Seen, Thinker
from shared.subjects import DLQ

__all__ = ["Work"]

_AGAIN_S = 1.0


class Work:
    """Does jobs; one object a worker."""

    def __init__(
        self,
        bus: Bus,
        evidence: Evidence,
        thinker: Thinker,
        *,
        model: str,
        model_thread: Executor,
        settings: S2Settings,
        worker: str,
    ) -> None:
        self._bus, self._evidence, self._thinker = bus, evidence, thinker
        self._model, self._model_thread, self._worker = model, model_thread, worker
        self._max_attempts = settings.max_attempts

    async def do(self, job: Job) -> None:
        """Work on one delivery; whatever goes wrong with the broker, the job comes again."""
        log = get_logger(delivered=job.delivered)
        try:
            if job.body is None:
                await self._bus.dead_letter(letter_for(job))
                if error := error_for(job, worker=self._worker, model=self._model):
                    metering.answered(error, stored=await self._bus.publish_answer(error))
                await job.term()
                return
            async with job.heartbeat():
                with job.working():
                    await self._do(job, job.body)
        except TransportError as error:
            log.warning("job_interrupted", error=str(error))
        except Exception:
            # Delivered again it counts as one more attempt, so that it ends in an error.
            log.exception("job_broke")
            await job.nak(_AGAIN_S)

    async def _do(self, job: Job, body: S2Job) -> None:
        taken, question = time.perf_counter(), body.question
        await failpoints.ahit("s2.fetched", question.text)
        if await self._bus.answered(question.opening, question.key, Path.S2, _number(body)):
            await job.ack()
        elif job.delivered > self._max_attempts:
            await self._give_up(job, body)
        elif body.max_age_s is not None and job.age_s > body.max_age_s:
            error = f"job waited {job.age_s:.1f} s, the limit is {body.max_age_s:.1f} s: add S2 workers"
            await self._publish(body, Status.REFUSED, job, Timings(queue=job.age_s), error=error)
            await job.ack()
        else:
            await self._think(job, body, taken)

    async def _think(self, job: Job, body: S2Job, taken: float) -> None:
        text = body.question.text
        with tracing.span("s2.gather", body.trace):
            frames = await self._evidence.frames(body, self._thinker)
        gathered = time.perf_counter()
        ahead = self._begin(body, frames)
        with tracing.span("s2.retrieve", body.trace):
            notes = await self._evidence.notes(body)
            frames = await self._evidence.pointed(body, frames, notes)
        retrieved = time.perf_counter()
        await failpoints.ahit("s2.answering", text)
        with tracing.span("s2.model", body.trace, dsb_model=self._model):
            status, draft, error = await self._draft(body, frames, notes, ahead)
        now = time.perf_counter()
        timings = Timings(
            router=body.route.router_s,
            queue=job.age_s,
            gather=gathered - taken,
            retrieve=retrieved - gathered,
            model=now - retrieved,
            total=now - taken,
        )
        await failpoints.ahit("s2.computed_not_published", text)
        await self._publish(body, status, job, timings, draft=draft, error=error)
        await failpoints.ahit("s2.answered_not_acked", text)
        await job.ack()

    def _begin(self, body: S2Job, frames: Frames) -> asyncio.Future[Seen] | None:
        """Where the run wants it, the model sees the frames while memory is searched."""
        cache = body.profile.cache
        if cache.ahead != "both" or not cache.enabled:
            return None
        see = partial(self._thinker.see, body.question, frames.frames, body.profile)
        return asyncio.get_running_loop().run_in_executor(self._model_thread, see)

    async def _draft(
        self, body: S2Job, frames: Frames, notes: Notes, ahead: asyncio.Future[Seen] | None
    ) -> tuple[Status, Draft | None, str]:
        loop = asyncio.get_running_loop()
        try:
            answer = partial(
                self._thinker.answer,
                body.question,
                frames.frames,
                notes.hits,
                spoke=body.spoke,
                profile=body.profile,
                ahead=await ahead if ahead else None,
            )
            draft = await loop.run_in_executor(self._model_thread, answer)
        except DsbError as error:
            return Status.ERROR, None, str(error)
        reasons = [
            *([draft.partial] if draft.partial else []),
            *([f"log_truncated: {frames.missing} frames of the window are gone"] if frames.missing else []),
            *(["memory_unavailable"] if notes.lost else []),
        ]
        return Status.OK, draft.model_copy(update={"partial": "; ".join(reasons)}) if reasons else draft, ""

    async def _give_up(self, job: Job, body: S2Job) -> None:
        question = body.question
        killed = job.delivered - 1
        reason = f"job killed {killed} workers, the limit is {self._max_attempts}: its text is in {DLQ}"
        # The letter first: with the error stored, who gets the job again would take it for answered, and write none.
        await self._bus.dead_letter(
            DeadLetter(
                service="s2",
                reason=reason,
                opening=question.opening,
                key=question.key,
                attempt=body.attempt,
                tick=body.tick,
                body=body.model_dump(mode="json"),
            )
        )
        await failpoints.ahit("s2.lettered_not_published", question.text)
        await self._publish(body, Status.ERROR, job, Timings(), error=reason)
        await job.term()

    async def _publish(
        self,
        body: S2Job,
        status: Status,
        job: Job,
        timings: Timings,
        *,
        draft: Draft | None = None,
        error: str = "",
    ) -> None:
        question = body.question
        answer = Answer(
            opening=question.opening,
            key=question.key,
            path=Path.S2,
            n=_number(body),
            status=status,
            error=error,
            draft=draft,
            t_ask=question.t_ask,
            route=body.route,
            worker=self._worker,
            model=self._model,
            attempts=job.delivered,
            timings=timings,
            trace=body.trace,
        )
        metering.answered(answer, stored=await self._bus.publish_answer(answer))


def _number(body: S2Job) -> str:
    """What the answer is stored as: the final, or one tick of a standing question."""
    return "final" if body.tick is None else str(body.tick)

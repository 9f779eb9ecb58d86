"""The S2 worker: pulls jobs, gathers a longer window from the frame log, retrieves notes, answers.

It fetches no more jobs than it has free slots, says `in progress` while it works, and acknowledges a job only once its
answer is stored; whoever gets the job again finds the answer there.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import ClassVar

from services.s2.evidence import Evidence
from services.s2.settings import S2Settings
from services.s2.work import Work
from shared.bus import Job
from shared.logs import get_logger
from shared.perception import Thinker, warm_up
from shared.service import Runtime
from shared.tasks import end_tasks
from shared.telemetry import gauge
from shared.vlm import Vlm, load_vlm, probed
from shared.vlm.providers import PROVIDERS
from shared.vlm.threads import ModelThreads

__all__ = ["Service", "Settings"]

Settings = S2Settings

_SLOTS = gauge("s2_slots", "Jobs that this worker can do at once")
_BUSY = gauge("s2_busy", "Jobs that this worker does now")


class Service:
    """Works on up to `slots` jobs of the queue."""

    NAME: ClassVar[str] = "s2"

    def __init__(self, settings: S2Settings) -> None:
        self._settings = settings
        self._jobs: set[asyncio.Task[None]] = set()

    async def run(self, rt: Runtime) -> None:
        """Work until stopped; then finish the jobs in hand."""
        with ModelThreads(self._threads(), "model") as model_thread:
            vlm = await asyncio.get_running_loop().run_in_executor(model_thread, self._load)
            work = Work(
                rt.bus,
                Evidence(rt.bus, self._settings),
                Thinker(vlm),
                model=vlm.name,
                model_thread=model_thread,
                settings=self._settings,
                worker=rt.worker,
            )
            await self._announce(rt, vlm)
            _SLOTS.set(self._settings.slots)
            rt.set_ready(True)
            fetching = asyncio.create_task(self._fetch(rt, work))
            await asyncio.wait(
                [fetching, stop := asyncio.create_task(rt.stopping.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            await end_tasks([stop, fetching])
            await asyncio.gather(*self._jobs, return_exceptions=True)
            if not fetching.cancelled() and (error := fetching.exception()):
                raise error

    def _threads(self) -> int:
        """A local model has all cores for one answer; a provider's is waited for, several answers at once."""
        model = self._settings.model
        return model.max_concurrency if model.backend in PROVIDERS else 1

    def _load(self) -> Vlm:
        vlm = load_vlm(self._settings.model)
        warm_up(vlm)
        self._moved = probed(vlm, self._settings.model)
        get_logger().info(
            "model_loaded", model=vlm.name, fingerprint=vlm.fingerprint, cache_difference=self._moved
        )
        return vlm

    async def _announce(self, rt: Runtime, vlm: Vlm) -> None:
        metadata = {
            "worker": rt.worker,
            "model": vlm.name,
            "fingerprint": vlm.fingerprint,
            "cache_difference": "" if self._moved is None else f"{self._moved:.1e}",
            "slots": str(self._settings.slots),
        }
        await rt.bus.announce(
            "s2",
            version="1.0.0",
            metadata=metadata,
            stats=lambda: {"slots": self._settings.slots, "busy": len(self._jobs)},
        )

    async def _fetch(self, rt: Runtime, work: Work) -> None:
        async with aclosing(rt.bus.jobs(slots=lambda: self._settings.slots - len(self._jobs))) as jobs:
            async for job in jobs:
                self._begin(work, job)

    def _begin(self, work: Work, job: Job) -> None:
        task = asyncio.create_task(work.do(job))
        self._jobs.add(task)
        _BUSY.set(len(self._jobs))

        def ended(task: asyncio.Task[None]) -> None:
            self._jobs.discard(task)
            _BUSY.set(len(self._jobs))

        task.add_done_callback(ended)

"""The S1 worker: adopts openings, follows their frame logs, answers from a short window, writes notes to memory.

One thread runs the model for all owned openings, so answers of one stream never disturb another's; the event loop
never waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, ClassVar

from services.s1.owned import Owned
from services.s1.settings import S1Settings
from shared import subjects
from shared.bus import Bus, Meta, Vacancy, failpoints
from shared.errors import DsbError
from shared.logs import get_logger
from shared.messages import EventKind, Place, PlaceReply
from shared.perception import warm_up
from shared.service import Runtime
from shared.tasks import end_tasks
from shared.telemetry import gauge
from shared.vlm import Vlm, load_vlm, probed
from shared.vlm.threads import ModelThreads

__all__ = ["Service", "Settings"]

Settings = S1Settings

_SLOTS = gauge("s1_slots", "Openings that this worker can own")
_OWNED = gauge("s1_owned", "Openings that this worker owns")


class Service:
    """Owns up to `slots` openings."""

    NAME: ClassVar[str] = "s1"

    def __init__(self, settings: S1Settings) -> None:
        self._settings = settings
        self._owned: dict[str, Owned] = {}
        self._ends: set[asyncio.Task[None]] = set()
        self._vacancy = Vacancy(
            lambda: self._bus.serve(subjects.S1_PLACE, Place, self._place, queue="s1", concurrency=1),
            free=lambda: self._free() and not self._rt.stopping.is_set(),
        )
        self._adopting = asyncio.Lock()

    async def run(self, rt: Runtime) -> None:
        """Own and answer until stopped; then hand every opening back at once."""
        self._rt, self._bus = rt, rt.bus
        # Loading and warming up come before any lease: neither can starve its renewal then.
        with ModelThreads(1, "model") as self._model_thread:
            self._vlm = await self._load()
            _SLOTS.set(self._settings.slots)
            await self._announce(rt.bus)
            await self._vacancy.look()
            rt.set_ready(True)
            keeping = asyncio.create_task(self._vacancy.keep())
            await rt.stopping.wait()
            await self._vacancy.look()
            await end_tasks([keeping])
            await asyncio.gather(*(owned.stop() for owned in list(self._owned.values())))
            await asyncio.gather(*self._ends, return_exceptions=True)

    async def _load(self) -> Vlm:
        loop = asyncio.get_running_loop()
        vlm = await loop.run_in_executor(self._model_thread, load_vlm, self._settings.model)
        await loop.run_in_executor(self._model_thread, warm_up, vlm)
        self._moved = await loop.run_in_executor(self._model_thread, probed, vlm, self._settings.model)
        get_logger().info(
            "model_loaded", model=vlm.name, fingerprint=vlm.fingerprint, cache_difference=self._moved
        )
        return vlm

    async def _announce(self, bus: Bus) -> None:
        metadata = {
            "worker": self._rt.worker,
            "model": self._vlm.name,
            "fingerprint": self._vlm.fingerprint,
            "cache_difference": "" if self._moved is None else f"{self._moved:.1e}",
            "slots": str(self._settings.slots),
        }
        await bus.announce("s1", version="1.0.0", metadata=metadata, stats=self._stats)

    def _stats(self) -> dict[str, Any]:
        dropped = {name: dict(owned.dropped) for name, owned in self._owned.items() if owned.dropped}
        return {"slots": self._settings.slots, "owned": sorted(self._owned), "dropped": dropped}

    def _free(self) -> bool:
        return len(self._owned) < self._settings.slots

    async def _place(self, place: Place, meta: Meta) -> PlaceReply:
        opening = place.open.opening
        async with self._adopting:
            if self._rt.stopping.is_set():
                return PlaceReply(accepted=False, reason="stopping")
            if opening in self._owned:
                return PlaceReply(accepted=True, owner=self._rt.worker, epoch=self._owned[opening].epoch)
            if not self._free():  # received just before the last slot was taken
                return PlaceReply(accepted=False, reason="full")
            return await self._adopt(place)

    async def _adopt(self, place: Place) -> PlaceReply:
        opening = place.open.opening
        if await self._bus.last(subjects.EVENTS, subjects.event(opening, EventKind.CLOSED)):
            return PlaceReply(accepted=False, reason="closed")
        lease = self._bus.lease(
            subjects.OWNER_BUCKET, opening, holder=self._rt.worker, ttl=self._settings.lease_ttl_s
        )
        if not await lease.take():
            holder = await self._bus.lease_holder(subjects.OWNER_BUCKET, opening)
            return PlaceReply(accepted=False, owner=holder.holder if holder else "", reason="held")
        await failpoints.ahit("s1.leased_not_subscribed", opening)
        owned = Owned(
            self._bus,
            place.open,
            lease,
            vlm=self._vlm,
            model_thread=self._model_thread,
            settings=self._settings,
            worker=self._rt.worker,
        )
        try:
            await owned.subscribe()
        except BaseException:
            with contextlib.suppress(DsbError):
                await lease.release()
            raise
        self._owned[opening] = owned
        _OWNED.set(len(self._owned))
        end = asyncio.create_task(self._until_over(opening, owned))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)
        self._vacancy.changed()
        return PlaceReply(accepted=True, owner=self._rt.worker, epoch=lease.epoch)

    async def _until_over(self, opening: str, owned: Owned) -> None:
        try:
            await owned.run()
        finally:
            self._owned.pop(opening, None)
            _OWNED.set(len(self._owned))
            self._vacancy.changed()

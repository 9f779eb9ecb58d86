"""What S1 takes: no more streams than it has slots, and no lease that it can't serve."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bus_kit import connected, fresh_opening

from services.s1 import service
from services.s1.service import Service, Settings
from shared import subjects
from shared.bus import Bus, Meta
from shared.errors import BusTimeout
from shared.messages import Open, Place, PlaceReply, Profile
from shared.service import Runtime

pytestmark = pytest.mark.nats


class Owner:
    """Stands for an owned opening that is served until the test ends, or can't be served at all."""

    epoch = 1
    reachable = True

    def __init__(self, *args: Any, **more: Any) -> None: ...

    async def subscribe(self) -> None:
        if not self.reachable:
            raise BusTimeout("no answer from flush")

    async def run(self) -> None:
        await asyncio.Event().wait()


def worker(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Service:
    """An S1 with one slot, and no model: nothing is answered here."""
    monkeypatch.setattr(service, "Owned", Owner)
    made: Any = Service(Settings(slots=1))
    made._rt, made._bus = Runtime(bus, "w", asyncio.Event()), bus
    made._vlm = made._model_thread = None
    return made  # type: ignore[no-any-return]


async def place(worker: Service, opening: str) -> PlaceReply:
    opened = Open(opening=opening, run="r", uri="synth:", profile=Profile())
    return await worker._place(Place(open=opened), Meta("", ""))


async def test_a_placement_that_came_just_before_the_last_slot_went_is_not_taken(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = fresh_opening(), fresh_opening()
    async with connected(nats_url) as bus:
        s1 = worker(bus, monkeypatch)
        assert (await place(s1, first)).accepted
        reply = await place(s1, second)
        assert (reply.accepted, reply.reason) == (False, "full")
        assert await bus.lease_holder(subjects.OWNER_BUCKET, second) is None
        assert (await place(s1, first)).accepted  # its own, again
        for end in s1._ends:
            end.cancel()
        await bus.forget(subjects.OWNER_BUCKET, first)


async def test_a_lease_that_can_t_be_served_is_given_back(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = fresh_opening()
    async with connected(nats_url) as bus:
        s1 = worker(bus, monkeypatch)
        monkeypatch.setattr(Owner, "reachable", False)
        with pytest.raises(BusTimeout):
            await place(s1, opening)
        assert await bus.lease_holder(subjects.OWNER_BUCKET, opening) is None
        monkeypatch.setattr(Owner, "reachable", True)
        assert (await place(s1, opening)).accepted
        for end in s1._ends:
            end.cancel()
        await bus.forget(subjects.OWNER_BUCKET, opening)

"""The stream that has just taken the last slot of S1 is not refused because S1 is full."""

from __future__ import annotations

from typing import cast

import pytest
from bus_kit import connected, fresh_opening, question

from services.router.dispatch import Dispatcher
from services.router.placement import Placed, Placement
from shared import subjects
from shared.bus import Bus, Meta
from shared.messages import Ask, Done, Mode, Open, Path, Profile, RouteStamp, S1Ask

pytestmark = pytest.mark.nats


class Full:
    """A placement that finds no free worker; the one that is full by then may have `taken` this opening."""

    def __init__(self, bus: Bus, *, taken: bool) -> None:
        self._bus, self._taken = bus, taken

    async def place(self, opened: Open) -> Placed:
        async def answer(ask: S1Ask, meta: Meta) -> Done:
            return Done()

        if self._taken:
            await self._bus.serve(subjects.s1(opened.opening), S1Ask, answer)
        return "full"


@pytest.mark.parametrize(("taken", "outcome"), [(True, "accepted"), (False, "refused")])
async def test_full_is_no_refusal_for_a_stream_that_is_in(nats_url: str, taken: bool, outcome: str) -> None:
    opening = fresh_opening()
    opened = Open(opening=opening, run="r", uri="synth:", profile=Profile(mode=Mode.LIVE))
    async with connected(nats_url) as bus:
        dispatcher = Dispatcher(bus, cast(Placement, Full(bus, taken=taken)), job_max_age_s=60)
        ask = Ask(question=question(opening), route="force-s1", open=opened)
        assert await dispatcher.send(ask, (Path.S1,), RouteStamp(route="force-s1")) == outcome

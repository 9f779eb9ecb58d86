"""Sending on: one path of two without room is refused in a final of its own."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest
from bus_kit import connected, fresh_opening, question
from metrics_kit import growth

from services.router.dispatch import Dispatcher
from shared.messages import Ask, Mode, Open, Path, Profile, RouteStamp, Status

pytestmark = pytest.mark.nats


async def full(opened: Open) -> str:
    return "full"


async def test_a_final_that_the_router_refuses_is_counted(nats_url: str) -> None:
    opening, refused = fresh_opening(), growth("dsb_answers_total", path="s1", status="refused")
    opened = Open(opening=opening, run="r", uri="v.mp4", profile=Profile(mode=Mode.LIVE))
    ask = Ask(question=question(opening), route="both", open=opened)
    placement: Any = SimpleNamespace(place=full)
    async with connected(nats_url) as bus:
        dispatcher = Dispatcher(bus, placement, job_max_age_s=5.0)
        assert await dispatcher.send(ask, (Path.S1, Path.S2), RouteStamp(route="both")) == "accepted"
        answer = await bus.answer_of(opening, "k", Path.S1)
        assert answer is not None
        assert answer.status is Status.REFUSED
        assert refused() == 1
        async with aclosing(bus.jobs(slots=lambda: 1)) as jobs:
            await (await asyncio.wait_for(anext(jobs), 20)).ack()

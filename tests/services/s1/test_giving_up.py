"""A question S1 answers no more: its letter, its error, an owner that dies between them, and a tick that breaks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from bus_kit import connected, fresh_opening, question

from bench.run.letters import dead_letters
from services.s1.answering import Answering
from services.s1.settings import S1Settings
from services.s1.standing import StandingQuestions
from services.s1.stream_time import StreamTime
from services.s1.ticks import Course, S1Look
from shared import subjects
from shared.bus import Bus
from shared.messages import Mode, Open, Path, Profile, RouteStamp, S1Ask, Standing, Status

pytestmark = pytest.mark.nats

LEASE: Any = SimpleNamespace(valid=True, epoch=1, require=lambda: None)
PERCEIVER: Any = None
VLM: Any = SimpleNamespace(name="m")


def asked(opening: str, standing: Standing | None = None) -> S1Ask:
    asking = question(opening).model_copy(update={"standing": standing})
    return S1Ask(question=asking, route=RouteStamp(route="force-s1"))


async def take(bus: Bus, ask: S1Ask, *, dies: bool) -> None:
    """The question as an owner meets it who takes it up; a dying one is gone once its letter is written."""
    profile = Profile(mode=Mode.LIVE)
    opened = Open(opening=ask.question.opening, run="r", uri="v.mp4", profile=profile)
    with ThreadPoolExecutor(1) as thread:
        common: Any = {
            "vlm": VLM,
            "model_thread": thread,
            "settings": S1Settings(max_attempts=1),
            "worker": "w",
        }
        if ask.question.standing is None:
            time: Any = None
            answering = Answering(bus, opened, LEASE, PERCEIVER, time, **common)
            answering.take(ask)
            doing = asyncio.gather(*answering._tasks.values())
        else:
            course = Course(ask, Path.S1, taken_over=True)
            course.attempts = 2
            doing = asyncio.gather(S1Look(bus, LEASE, PERCEIVER, **common).look(course, 3))
        if dies:
            async with asyncio.timeout(20):
                while not await letters(bus, ask):
                    await asyncio.sleep(0.05)
            doing.cancel()
        await asyncio.wait([doing])


async def letters(bus: Bus, ask: S1Ask) -> list[tuple[str, int | None]]:
    found = await dead_letters(bus)
    return [(one.key, one.tick) for one in found if one.opening == ask.question.opening]


@pytest.mark.parametrize("standing", [None, Standing(kind="state", until_s=9.0)])
async def test_who_dies_between_letter_and_error_leaves_both_to_the_next(
    nats_url: str, set_failpoints: Callable[[str], None], standing: Standing | None
) -> None:
    ask = asked(fresh_opening(), standing)
    n, tick = ("final", None) if standing is None else ("3", 3)
    opening = ask.question.opening
    async with connected(nats_url) as bus:
        await bus.bump(subjects.STANDING_BUCKET, f"{opening}.k")
        set_failpoints("s1.lettered_not_published=sleep:60000")
        await take(bus, ask, dies=True)
        assert not await bus.answered(opening, "k", Path.S1, n)
        set_failpoints("")
        await take(bus, ask, dies=False)
        assert await letters(bus, ask) == [("k", tick)]
        answer = await bus.answer_of(opening, "k", Path.S1, n)
    assert answer is not None
    assert answer.status is Status.ERROR


async def test_a_tick_that_breaks_the_owners_own_code_ends_in_a_letter_and_an_error_too(
    nats_url: str,
) -> None:
    def breaks(*args: Any, **more: Any) -> None:
        looked.append(args)
        raise IndexError("nobody foresaw this")

    looked: list[Any] = []
    perceiver: Any = SimpleNamespace(answer=breaks)
    ask = asked(fresh_opening(), Standing(kind="state", until_s=9.0))
    opened = Open(opening=ask.question.opening, run="r", uri="v.mp4", profile=Profile())
    time, settings = StreamTime(), S1Settings(max_attempts=2)
    async with connected(nats_url) as bus:
        with ThreadPoolExecutor(1) as thread:
            common: Any = {"vlm": VLM, "model_thread": thread, "settings": settings, "worker": "w"}
            standing = StandingQuestions(bus, opened, LEASE, perceiver, time, **common)
            await standing.take(ask)
            await time.reach(ask.question.t_ask)
            async with asyncio.timeout(20):
                while (answer := await bus.answer_of(opened.opening, "k", Path.S1, "0")) is None:
                    await asyncio.sleep(0.05)
            await standing.finish()
        assert await letters(bus, ask) == [("k", 0)]
    assert answer.status is Status.ERROR
    assert len(looked) == 2

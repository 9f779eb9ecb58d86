"""A job S2 does no more: its letter, its error, a worker that dies between the two, and a job that breaks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import msgpack
import pytest
from bus_kit import connected, fresh_opening, job
from live_broker import Broker

from bench.run.letters import kept_letters
from services.s2.settings import S2Settings
from services.s2.work import Work
from shared import subjects
from shared.bus import Bus, Job, init_topology
from shared.messages import DeadLetter, Path, Status
from shared.settings import BusSettings
from shared.tasks import end_tasks

pytestmark = pytest.mark.nats


async def work_on(bus: Bus, found: Job) -> None:
    """A job that is given up meets neither evidence nor model."""
    unused: Any = None
    with ThreadPoolExecutor(1) as thread:
        worker = Work(
            bus,
            unused,
            unused,
            model="m",
            model_thread=thread,
            settings=S2Settings(max_attempts=1),
            worker="w",
        )
        await worker.do(found)


async def delivered(bus: Bus) -> Job:
    async with aclosing(bus.jobs(slots=lambda: 1)) as jobs:
        return await asyncio.wait_for(anext(jobs), 20)


async def letters(bus: Bus) -> list[DeadLetter]:
    return [kept.letter for kept in await kept_letters(bus)]


async def test_who_dies_between_letter_and_error_leaves_both_to_the_next(
    broker: Broker, set_failpoints: Callable[[str], None]
) -> None:
    await init_topology(BusSettings(nats_url=broker.url))
    async with connected(broker.url) as bus:
        await bus.enqueue(job(opening := fresh_opening(), attempt=4))
        await (await delivered(bus)).nak()
        found = await delivered(bus)
        set_failpoints("s2.lettered_not_published=sleep:60000")
        dying = asyncio.create_task(work_on(bus, found))
        async with asyncio.timeout(20):
            while not await letters(bus):
                await asyncio.sleep(0.05)
        await end_tasks([dying])
        assert not await bus.answered(opening, "k", Path.S2)
        await found.nak()
        set_failpoints("")
        await work_on(bus, await delivered(bus))
        [letter] = await letters(bus)
        assert (letter.opening, letter.key, letter.attempt) == (opening, "k", 4)
        answer = await bus.answer_of(opening, "k", Path.S2)
        assert answer is not None
        assert answer.status is Status.ERROR
        assert await bus.count(subjects.S2_JOBS) == 0


async def test_a_job_that_breaks_the_workers_own_code_comes_again_at_once_and_ends_in_a_letter_and_an_error(
    broker: Broker,
) -> None:
    await init_topology(BusSettings(nats_url=broker.url))
    async with connected(broker.url) as bus:
        await bus.enqueue(job(opening := fresh_opening()))
        await work_on(bus, await delivered(bus))  # there is no evidence to ask: an AttributeError
        assert await letters(bus) == []
        await work_on(bus, await delivered(bus))
        [letter] = await letters(bus)
        answer = await bus.answer_of(opening, "k", Path.S2)
    assert (letter.opening, letter.key) == (opening, "k")
    assert answer is not None
    assert answer.status is Status.ERROR


async def test_the_letter_of_a_job_that_nobody_can_read_shows_where_it_was_sent_and_its_beginning(
    broker: Broker,
) -> None:
    await init_topology(BusSettings(nats_url=broker.url))
    async with connected(broker.url) as bus:
        await bus.append(subjects.s2_job("a_0_0"), b"\xffno job" + b"x" * 2000)
        await work_on(bus, await delivered(bus))
        [letter] = await letters(bus)
        assert await bus.count(subjects.ANSWERS) == 0
    assert letter.opening == "a_0_0"
    assert letter.body == {"begins": "\\xffno job" + "x" * 1017}
    assert "not a S2Job" in letter.reason


@pytest.mark.parametrize("tick", [None, 3])
async def test_a_job_of_another_version_is_an_error_of_its_question(broker: Broker, tick: int | None) -> None:
    await init_topology(BusSettings(nats_url=broker.url))
    body = job(opening := fresh_opening()).model_copy(update={"tick": tick}).model_dump(mode="json")
    async with connected(broker.url) as bus:
        await bus.append(subjects.s2_job(opening), msgpack.packb(body | {"of_tomorrow": 1}))
        await work_on(bus, await delivered(bus))
        [letter] = await letters(bus)
        answer = await bus.answer_of(opening, "k", Path.S2, "final" if tick is None else "3")
        assert await bus.count(subjects.S2_JOBS) == 0
    assert letter.opening == opening
    assert answer is not None
    assert answer.status is Status.ERROR
    assert "of one version" in answer.error
    assert answer.route.route == body["route"]["route"]

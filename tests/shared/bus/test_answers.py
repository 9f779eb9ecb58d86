from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from bus_kit import answer, connected, fresh_opening
from live_broker import Broker
from metrics_kit import growth

from shared import subjects
from shared.bus import init_topology
from shared.messages import Answer, DeadLetter
from shared.settings import BusSettings

pytestmark = pytest.mark.nats


async def test_of_eight_racing_answers_one_is_stored(nats_url: str) -> None:
    opening, duplicates = fresh_opening(), growth("dsb_answers_duplicate_total")
    async with connected(nats_url) as one, connected(nats_url) as two:
        races = [(one, two)[n % 2].publish_answer(answer(opening, worker=f"w{n}")) for n in range(8)]
        assert sorted(await asyncio.gather(*races)) == [False] * 7 + [True]
        assert duplicates() == 7
        feed = one.follow(subjects.ANSWERS, subjects.answers(opening), stop_at_end=True)
        assert len([stored async for stored in feed]) == 1


async def test_an_answer_is_known_to_be_given(nats_url: str) -> None:
    opening = fresh_opening()
    async with connected(nats_url) as bus:
        assert not await bus.answered(opening, "k", "s1")
        await bus.publish_answer(answer(opening))
        assert await bus.answered(opening, "k", "s1")
        assert not await bus.answered(opening, "k", "s2")


async def test_the_very_same_answer_sent_twice_counts_as_stored(nats_url: str) -> None:
    opening = fresh_opening()
    async with connected(nats_url) as bus:
        assert await bus.publish_answer(answer(opening))
        assert await bus.publish_answer(answer(opening))


async def test_an_answer_given_while_the_broker_is_down_is_stored_when_it_is_back(broker: Broker) -> None:
    await init_topology(BusSettings(nats_url=broker.url))
    opening = fresh_opening()
    async with connected(broker.url, request_timeout_s=1) as bus:
        await asyncio.to_thread(broker.kill)
        publishing = asyncio.create_task(bus.publish_answer(answer(opening)))
        await asyncio.sleep(1.5)
        await asyncio.to_thread(broker.start)
        assert await publishing
        async with aclosing(bus.follow(subjects.ANSWERS, subjects.answers(opening))) as feed:
            stored = await anext(feed)
    assert Answer.from_bytes(stored.body) == answer(opening)


async def test_dead_letters_can_be_browsed(nats_url: str) -> None:
    key = fresh_opening()
    async with connected(nats_url) as bus:
        await bus.dead_letter(
            DeadLetter(service="s2", reason="killed 3 workers", key=key, body={"text": "?"})
        )
        feed = bus.follow(subjects.DLQ, subjects.dlq("*"), stop_at_end=True)
        letters = [DeadLetter.from_bytes(stored.body) async for stored in feed]
    assert [letter.reason for letter in letters if letter.key == key] == ["killed 3 workers"]


async def test_who_writes_a_letter_again_leaves_one(nats_url: str) -> None:
    """Whoever died behind it: the reason differs, since one more was killed."""

    def letter(key: str, **more: object) -> DeadLetter:
        return DeadLetter(service="s2", opening=opening, key=key, **more)  # type: ignore[arg-type]

    opening = fresh_opening()
    async with connected(nats_url) as bus:
        for killed in (3, 4):
            for number in (0, 1):
                await bus.dead_letter(letter("k", reason=f"killed {killed}", attempt=number))
                await bus.dead_letter(letter("t", reason=f"killed {killed}", tick=number))
            await bus.dead_letter(letter("", reason="unreadable"))
        await bus.dead_letter(letter("", reason="unreadable too"))
        feed = bus.follow(subjects.DLQ, subjects.dlq("*"), stop_at_end=True)
        letters = [DeadLetter.from_bytes(stored.body) async for stored in feed]
    found = [(one.key, one.attempt, one.tick) for one in letters if one.opening == opening]
    assert sorted(map(str, found)) == [
        "('', 0, None)",
        "('', 0, None)",
        "('k', 0, None)",
        "('k', 1, None)",
        "('t', 0, 0)",
        "('t', 0, 1)",
    ]


async def test_counters_count_every_bump_of_racing_writers(nats_url: str) -> None:
    key = f"{fresh_opening()}.k"
    async with connected(nats_url) as one, connected(nats_url) as two:
        bumps = [(one, two)[n % 2].bump(subjects.STANDING_BUCKET, key) for n in range(10)]
        assert sorted(await asyncio.gather(*bumps)) == list(range(1, 11))

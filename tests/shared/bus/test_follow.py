from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from bus_kit import connected, fresh_opening, until
from live_broker import Broker

from shared import subjects
from shared.bus import Bus, Stored, init_topology
from shared.errors import TransportError
from shared.messages import Event, EventKind
from shared.settings import BusSettings

pytestmark = pytest.mark.nats


async def _collect(bus: Bus, found: list[Stored], subject: str) -> None:
    async with aclosing(bus.follow(subjects.EVENTS, subject)) as feed:
        async for stored in feed:
            found.append(stored)


async def test_following_from_the_newest_of_each_subject(nats_url: str) -> None:
    openings = [fresh_opening() for _ in range(2)]
    async with connected(nats_url) as bus:
        for count in range(3):
            for opening in openings:
                await bus.publish_event(Event(opening=opening, kind=EventKind.DROPPED, count=count))
        mine = bus.follow(
            subjects.EVENTS, subjects.event("*", "dropped"), last_per_subject=True, stop_at_end=True
        )
        found = [Event.from_bytes(one.body) async for one in mine]
    assert {one.opening: one.count for one in found if one.opening in openings} == dict.fromkeys(openings, 2)


async def test_stop_at_end_delivers_all_that_was_stored_and_ends(nats_url: str) -> None:
    opening = fresh_opening()
    async with connected(nats_url) as bus:
        for count in range(300):
            await bus.append(subjects.event(opening, "dropped"), b"%d" % count)
        feed = bus.follow(subjects.EVENTS, subjects.event(opening, "*"), stop_at_end=True)
        assert [int(one.body) async for one in feed] == list(range(300))


async def test_a_slow_follower_misses_nothing(nats_url: str) -> None:
    opening = fresh_opening()
    body = b"x" * 100_000
    async with connected(nats_url) as bus:
        found = []
        async with aclosing(bus.follow(subjects.EVENTS, subjects.event(opening, "*"))) as feed:
            writer = asyncio.create_task(_write(bus, opening, body, 120))
            async for stored in feed:
                found.append(int(stored.headers["Dsb-Index"]))
                if len(found) == 3:
                    await asyncio.sleep(4)  # longer than three heartbeats
                if len(found) == 120:
                    break
            await writer
        await bus.purge(subjects.EVENTS, subjects.event(opening, "*"))
    assert found == list(range(120))


async def _write(bus: Bus, opening: str, body: bytes, count: int) -> None:
    for index in range(count):
        await bus.append(subjects.event(opening, "dropped"), body, headers={"Dsb-Index": str(index)})


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_following_survives_a_broker_restart_without_gap_or_repeat(broker: Broker, how: str) -> None:
    await init_topology(BusSettings(nats_url=broker.url))
    opening = fresh_opening()
    found: list[Stored] = []
    async with connected(broker.url) as bus:
        follower = asyncio.create_task(_collect(bus, found, subjects.event(opening, "*")))
        sent = 0
        for round_ in range(3):
            for _ in range(20):
                await _through(bus, opening, sent)
                sent += 1
            if round_ < 2:
                await asyncio.to_thread(getattr(broker, how))
                await asyncio.to_thread(broker.start)
        await until(lambda: len(found) >= sent)
        await asyncio.sleep(0.2)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
    assert [Event.from_bytes(one.body).count for one in found] == list(range(sent))


async def _through(bus: Bus, opening: str, count: int) -> None:
    await bus.publish_event(Event(opening=opening, kind=EventKind.DROPPED, count=count))


async def test_following_goes_on_when_the_consumer_is_deleted(nats_url: str) -> None:
    opening = fresh_opening()
    found: list[Stored] = []
    async with connected(nats_url) as bus:
        follower = asyncio.create_task(_collect(bus, found, subjects.event(opening, "*")))
        await _through(bus, opening, 0)
        await until(lambda: len(found) == 1)
        names = (await bus.connection.api(f"CONSUMER.NAMES.{subjects.EVENTS}"))["consumers"]
        for name in names:
            await bus.connection.api(f"CONSUMER.DELETE.{subjects.EVENTS}.{name}")
        await _through(bus, opening, 1)
        await until(lambda: len(found) == 2)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)


async def test_a_follower_ends_with_an_error_when_the_bus_is_drained(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        follower = asyncio.create_task(_collect(bus, [], subjects.event(fresh_opening(), "*")))
        await asyncio.sleep(0.2)
    with pytest.raises(TransportError, match="closed"):
        await follower

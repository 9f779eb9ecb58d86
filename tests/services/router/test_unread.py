"""What has lost its bench and its reader is closed; what is kept, or is read, stays open."""

from __future__ import annotations

import asyncio

import pytest
from bus_kit import connected, fresh_opening

from services.router.placement import Placement
from shared import subjects
from shared.bus import Bus
from shared.messages import Event, EventKind, Open, Profile

pytestmark = pytest.mark.nats


async def opened(bus: Bus, *, kept: bool = False) -> str:
    opening = fresh_opening()
    told = Open(opening=opening, run="r", uri="synth:", profile=Profile(), kept=kept)
    await bus.publish_event(Event(opening=opening, kind=EventKind.OPENED, open=told))
    return opening


async def closed(bus: Bus, opening: str) -> bool:
    return await bus.last(subjects.EVENTS, subjects.event(opening, EventKind.CLOSED)) is not None


async def test_what_nobody_reads_for_long_is_closed_unless_it_is_kept(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        read, left, kept = await opened(bus), await opened(bus), await opened(bus, kept=True)
        lease = bus.lease(subjects.READER_BUCKET, read, holder="r", ttl=5)
        assert await lease.take()
        async with Placement(bus, sweep_s=0.05, unread_close_s=0.5).running() as tasks:
            async with asyncio.timeout(20):
                while not await closed(bus, left):
                    await asyncio.sleep(0.05)
            assert not await closed(bus, read)
            assert not await closed(bus, kept)
            await lease.release()
            async with asyncio.timeout(20):
                while not await closed(bus, read):
                    await asyncio.sleep(0.05)
            assert not any(task.done() for task in tasks)
        assert not await closed(bus, kept)
        await bus.publish_event(Event(opening=kept, kind=EventKind.CLOSED))


async def test_a_reader_that_is_back_in_time_begins_the_wait_anew(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        opening = await opened(bus)
        async with Placement(bus, sweep_s=0.05, unread_close_s=2.0).running():
            for _ in range(5):
                await asyncio.sleep(0.6)
                lease = bus.lease(subjects.READER_BUCKET, opening, holder="r", ttl=5)
                assert await lease.take()
                await asyncio.sleep(0.3)
                await lease.release()
            assert not await closed(bus, opening)
        await bus.publish_event(Event(opening=opening, kind=EventKind.CLOSED))

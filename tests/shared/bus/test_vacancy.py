"""Requests are heard while there is room: once, however often it is looked, and again after an outage."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bus_kit import connected, fresh_opening

from shared.bus import Bus, Meta, Subscription, Vacancy, vacancy
from shared.errors import BusTimeout, NoResponders
from shared.messages import Close, Done
from shared.tasks import end_tasks

pytestmark = pytest.mark.nats


class Worker:
    """Serves a subject of its own while it has room; `away` makes the broker one that can't be reached."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self._subject = bus, f"dsb.v1.test.{fresh_opening()}"
        self.room, self.away, self.served = True, False, 0
        self.vacancy = Vacancy(self._serve, free=lambda: self.room)

    async def _serve(self) -> Subscription:
        if self.away:
            raise BusTimeout("no connection")
        self.served += 1
        return await self._bus.serve(self._subject, Close, self._take, queue="w")

    async def _take(self, message: Close, meta: Meta) -> Done:
        return Done()

    async def hears(self) -> bool:
        try:
            await self._bus.request(self._subject, Close(opening="a"), Done)
        except NoResponders:
            return False
        return True


async def test_looked_at_many_times_at_once_it_is_heard_once_and_not_when_full(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        worker = Worker(bus)
        await asyncio.gather(*(worker.vacancy.look() for _ in range(8)))
        assert (await worker.hears(), worker.served) == (True, 1)
        worker.room = False
        await asyncio.gather(*(worker.vacancy.look() for _ in range(8)))
        assert not await worker.hears()
        worker.room = True
        await worker.vacancy.look()
        assert (await worker.hears(), worker.served) == (True, 2)


@pytest.mark.parametrize("told", [True, False])
async def test_room_that_was_given_back_in_an_outage_is_offered_after_it(
    nats_url: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vacancy, "_AGAIN_S", 60.0 if told else 0.05)
    async with connected(nats_url) as bus:
        worker = Worker(bus)
        worker.away = True
        keeping = asyncio.create_task(worker.vacancy.keep())
        try:
            await asyncio.sleep(0.2)
            assert not await worker.hears()
            worker.away = False
            if told:
                worker.vacancy.changed()
            async with asyncio.timeout(20):
                while not await worker.hears():
                    await asyncio.sleep(0.02)
        finally:
            await end_tasks([keeping])


@pytest.mark.parametrize("when", ["subscribing", "closing"])
async def test_a_subscription_whose_broker_says_nothing_is_not_left_behind(
    nats_url: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*args: Any, **more: Any) -> None:
        raise TimeoutError

    async with connected(nats_url) as bus:
        worker = Worker(bus)
        client = bus.connection.nc
        held = set(client._subs)
        if when == "closing":
            await worker.vacancy.look()
            assert set(client._subs) != held
            worker.room = False
        monkeypatch.setattr(client, "flush", silent)
        if when == "closing":
            await worker.vacancy.look()
        else:
            with pytest.raises(BusTimeout):
                await worker.vacancy.look()
        assert set(client._subs) == held
        monkeypatch.undo()
        assert not await worker.hears()

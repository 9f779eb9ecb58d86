from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import pytest
from bus_kit import connected
from live_broker import Broker, free_port

from shared.bus import init_topology, lacking
from shared.errors import TransportError
from shared.health import probe
from shared.service import host
from shared.settings import BusSettings


class Serving:
    """A service in this process, seen through its health port."""

    def __init__(self, name: str, url: str, **settings: object) -> None:
        module = import_module(f"services.{name}.service")
        self.port, self.stop = free_port(), asyncio.Event()
        made = module.Settings(nats_url=url, health_port=self.port, **settings)
        self.task = asyncio.create_task(host(module.Service(made), made, stop=self.stop))

    async def says(self, page: str) -> str:
        return await asyncio.to_thread(probe, f"http://127.0.0.1:{self.port}/{page}")

    async def comes_to_say(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text != (said := await self.says("readyz")) and (not text or text not in said):
                assert not self.task.done(), self.task.exception()
                await asyncio.sleep(0.1)


@asynccontextmanager
async def serving(name: str, url: str, **settings: object) -> AsyncIterator[Serving]:
    service = Serving(name, url, **settings)
    try:
        yield service
    finally:
        service.stop.set()
        await asyncio.wait_for(service.task, 30)


@pytest.mark.parametrize("name", ["router", "reader"])
async def test_a_service_that_is_there_before_its_streams_waits_for_them(broker: Broker, name: str) -> None:
    async with serving(name, broker.url) as service:
        await service.comes_to_say("dsb init")
        assert await service.says("livez") == ""
        await init_topology(BusSettings(nats_url=broker.url))
        await service.comes_to_say("")


async def test_a_service_that_is_there_before_the_broker_waits_for_it(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    async with serving("router", broker.url, connect_timeout_s=60) as service:
        await service.comes_to_say("waiting for the broker")
        assert await service.says("livez") == ""
        broker.start()
        try:
            await service.comes_to_say("dsb init")
        finally:
            service.stop.set()
            await service.task
            broker.kill()


async def test_a_service_that_waits_for_the_broker_can_be_stopped(tmp_path: Path) -> None:
    async with serving("router", Broker(tmp_path).url, connect_timeout_s=60) as service:
        await service.comes_to_say("waiting for the broker")


async def test_a_service_without_a_broker_gives_up_after_its_time(tmp_path: Path) -> None:
    service = Serving("router", Broker(tmp_path).url, connect_timeout_s=0.3)
    with pytest.raises(TransportError, match="no broker at"):
        await service.task


@pytest.mark.parametrize("role", ["reader", "router", "s1", "s2", "bench"])
async def test_what_a_role_lacks_is_told_until_it_is_made(broker: Broker, role: str) -> None:
    async with connected(broker.url) as bus:
        assert "dsb init" in await lacking(bus, role)
        await init_topology(BusSettings(nats_url=broker.url))
        assert await lacking(bus, role) == ""

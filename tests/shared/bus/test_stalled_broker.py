"""A broker that says nothing for a while, and goes on: the line is the same, and it is heard."""

from __future__ import annotations

import asyncio

import nats.errors
import pytest
from bus_kit import connected
from live_broker import Broker

pytestmark = pytest.mark.nats


async def test_a_flush_that_ran_out_of_time_does_not_end_the_hearing(broker: Broker) -> None:
    async with connected(broker.url) as bus:
        client, generation = bus.connection.nc, bus.connection.generation
        broker.pause()
        try:
            with pytest.raises(nats.errors.TimeoutError):
                await client.flush(timeout=1)
        finally:
            broker.go_on()
        await asyncio.sleep(1)  # the late pong comes
        assert await bus.connection.api("INFO")
        await client.flush(timeout=5)
        assert bus.connection.generation == generation

"""How much work waits: the depth of the work queue and the dead letters, read from the broker now and then.

It stands in the router, since that is there also when no worker of S2 is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared import subjects
from shared.bus import Bus
from shared.errors import TransportError
from shared.logs import get_logger
from shared.tasks import end_tasks
from shared.telemetry import gauge

__all__ = ["watching"]

_WAITING = gauge("jobs_waiting", "Jobs of S2 that no worker has")
_IN_WORK = gauge("jobs_in_work", "Jobs of S2 that a worker has and has not acknowledged")
_LETTERS = gauge("dead_letters_stored", "Dead letters that are stored, until somebody retries or drops them")


@asynccontextmanager
async def watching(bus: Bus, *, every_s: float) -> AsyncIterator[None]:
    """Keep the gauges fresh for as long as the context lasts."""
    task = asyncio.create_task(_watch(bus, every_s))
    try:
        yield
    finally:
        await end_tasks([task])


async def _watch(bus: Bus, every_s: float) -> None:
    while True:
        try:
            depth, letters = await bus.queue_depth(), await bus.count(subjects.DLQ)
        except TransportError as error:
            # The gauges keep what was true last; that the broker is away is told by other metrics.
            get_logger().debug("queue_unseen", error=str(error))
        else:
            _WAITING.set(depth.waiting)
            _IN_WORK.set(depth.in_work)
            _LETTERS.set(letters)
        await asyncio.sleep(every_s)

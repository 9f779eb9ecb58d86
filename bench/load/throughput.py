"""Answers a second from one S2 worker to several: `dsb load throughput`, or `make bench-throughput`.

Each worker sleeps a fixed time instead of running a model, so that queue, broker, frame log, memory search and the
worker's own loop are what may keep two workers from doing twice as much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.load.backlog import Backlog, backlog
from bench.load.sleeper import plugged
from bench.run.embedded import Stack, StackSpec
from shared.bus import Bus

__all__ = ["throughput"]

_DEPTH = 4
"""Questions under way, a worker: one is worked on, the others wait."""


def throughput(
    folder: Path, *, workers: int, jobs: int, sleep_s: float, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure `jobs` answers of each worker at 1, 2, … `workers` of them; blocks. Figures by name."""
    slow, fast = plugged(folder / "slow", sleep_s), plugged(folder / "fast", 0.0)
    with Stack(StackSpec(folder=folder, service_env={"s1": fast, "s2": slow})) as stack:
        rates = asyncio.run(_steps(stack, folder, workers=workers, jobs=jobs, say=say))
    return {
        "sleep_s": sleep_s,
        "jobs_a_worker": jobs,
        "rates": {str(count): round(rate, 4) for count, rate in rates.items()},
        "speedup": {str(count): round(rate / rates[1], 3) for count, rate in rates.items()},
        "of_ideal": {str(count): round(rate * sleep_s / count, 4) for count, rate in rates.items()},
        "added_ms": {str(count): round(1e3 * (count / rate - sleep_s), 1) for count, rate in rates.items()},
    }


async def _steps(
    stack: Stack, folder: Path, *, workers: int, jobs: int, say: Callable[[str], None]
) -> dict[int, float]:
    bus = await Bus.connect(stack.bus_settings(), name="load")
    rates: dict[int, float] = {}
    try:
        async with backlog(bus, folder) as asked:
            for count in range(1, workers + 1):
                if count > 1:
                    await asyncio.to_thread(stack.add, "s2")
                    await asyncio.to_thread(stack.wait_ready)
                rates[count] = await _rate(asked, workers=count, jobs=jobs)
                say(f"{count} workers: {rates[count]:.2f} answers/s")
    finally:
        await bus.drain()
    return rates


async def _rate(asked: Backlog, *, workers: int, jobs: int) -> float:
    """Answers a second, once each worker has had its first two."""
    async with asked.pressing(_DEPTH * workers):
        begun = len(asked.done) + 2 * workers
        await asked.wait(begun + jobs * workers)
    times = asked.done[begun - 1 : begun + jobs * workers]
    return (len(times) - 1) / (times[-1] - times[0])

"""What a saturated S2 does to S1: `dsb load interference`, or `make bench-interference`.

Live streams are followed by S1 and asked about all the time. Stretches in which S2 idles and stretches in which its
queue never runs empty take turns, and which comes first takes turns as well; each pair gives the ratio of S1's 95th
percentiles. S2 sleeps, so that only what the two share by design is in the way, or computes on the same cores.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal

from bench.load.backlog import Backlog, backlog
from bench.load.crowd import Crowd, Crowded, crowded
from bench.load.sleeper import plugged
from bench.overhead import percentile
from bench.run.embedded import Stack, StackSpec
from shared.bus import Bus
from shared.errors import TransportError

__all__ = ["Kind", "interference"]

Kind = Literal["sleep", "compute"]
"""What S2 does with a job."""

_DEPTH = 8
_FEWEST = 20
"""Answers in a stretch; of fewer there is no 95th percentile worth the name."""


def interference(
    folder: Path,
    kind: Kind,
    *,
    pairs: int,
    seconds: float,
    streams: int,
    ask_every_s: float,
    sleep_s: float,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure so many pairs of stretches of `seconds` each; blocks. Figures by name."""
    own = {"s2": plugged(folder, sleep_s)} if kind == "sleep" else {}
    crowd = Crowd(ask_every_s=ask_every_s)
    # Between two stretches the queue fills, or the last of its jobs are worked off.
    whole_s = pairs * (2 * (seconds + 10) + (_DEPTH + 2) * sleep_s)
    with Stack(StackSpec(folder=folder, service_env=own)) as stack:
        return asyncio.run(
            _pairs(stack, folder, crowd, kind, pairs, seconds, streams=streams, whole_s=whole_s, say=say)
        )


async def _pairs(
    stack: Stack,
    folder: Path,
    crowd: Crowd,
    kind: Kind,
    pairs: int,
    seconds: float,
    *,
    streams: int,
    whole_s: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    bus = await Bus.connect(stack.bus_settings(), name="load")
    found: list[dict[str, float]] = []
    try:
        async with (
            backlog(bus, folder) as asked,
            crowded(bus, folder, crowd, wanted=streams, seconds=whole_s) as streaming,
        ):
            if streaming.refusal:
                raise TransportError(f"{streams} streams were too many for S1: {streaming.refusal}")
            for number in range(pairs):
                pair: dict[str, float] = {}
                for busy in (bool(number % 2), not number % 2):
                    pair |= await _stretch(asked, streaming, seconds, busy=busy)
                pair["ratio"] = round(pair["busy_p95_ms"] / pair["idle_p95_ms"], 4)
                found.append(pair)
                say(
                    f"S2 {kind}, pair {number + 1}: idle {pair['idle_p95_ms']:.1f} ms, "
                    f"saturated {pair['busy_p95_ms']:.1f} ms, {pair['ratio']:.3f} times"
                )
    finally:
        await bus.drain()
    ratios = [pair["ratio"] for pair in found]
    return {"ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios), "pairs": found}


async def _stretch(asked: Backlog, streaming: Crowded, seconds: float, *, busy: bool) -> dict[str, float]:
    """S1's latencies over `seconds`, and how fast S2 answered meanwhile."""
    name = "busy" if busy else "idle"
    async with AsyncExitStack() as within:
        if busy:
            before = len(asked.done)
            await within.enter_async_context(asked.pressing(_DEPTH))
            await asked.wait(before + 2)
        done, began = len(asked.done), time.monotonic()
        async with streaming.listening() as check:
            while time.monotonic() - began < seconds:
                await asyncio.sleep(0.2)
                check()
            rate = (len(asked.done) - done) / (time.monotonic() - began)
        # Only now: S2 is busy until the last of the stretch's questions is answered.
        taken = [value for one in streaming.heard for value in one.latencies]
    failed = [why for one in streaming.heard for why in one.failed]
    if failed or len(taken) < _FEWEST:
        raise TransportError(
            f"S1 gave {len(taken)} answers in {seconds:g} s, {_FEWEST} are needed"
            + (f"; {len(failed)} failed, the first: {failed[0]}" if failed else "")
            + ": take longer stretches, or fewer streams"
        )
    values = {f"{name}_p{percent}_ms": round(1e3 * percentile(taken, percent), 2) for percent in (50, 95)}
    told = {f"{name}_answers": float(len(taken)), f"{name}_s2_per_s": round(rate, 3)}
    return values | told | {f"{name}_dropped": float(streaming.dropped)}

"""One trial of a crowd: so many live streams for so long on a stack that runs, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.load.counters import counted, drops, troubles
from bench.load.crowd import Crowd, Crowded, crowded, figures, spread
from bench.run.embedded import Stack
from shared.bus import Bus

__all__ = ["Check", "Watch", "play", "trial"]

Check = Callable[[], None]
"""Raises what ended the asking of a stream."""
Watch = Callable[[Crowded, Check], Awaitable[None]]
"""Looks on until the trial is over."""

_LOOK_S = 0.5


def trial(stack: Stack, folder: Path, crowd: Crowd, *, wanted: int, seconds: float) -> dict[str, Any]:
    """Try `wanted` streams and play those that are admitted for `seconds` of wall clock; blocks. Figures by name.

    Videos are made in `folder`, and kept there for the next trial of the same length.
    """

    async def wait(_crowd: Crowded, check: Check) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(_LOOK_S, left))
            check()

    return asyncio.run(play(stack, folder, crowd, wanted=wanted, seconds=seconds, watch=wait, insist=True))


async def play(
    stack: Stack,
    folder: Path,
    crowd: Crowd,
    *,
    wanted: int,
    seconds: float,
    watch: Watch,
    insist: bool = False,
) -> dict[str, Any]:
    """The same, with someone who looks on, and says by returning when it is over; for `insist` see `crowded`."""
    bus = await Bus.connect(stack.bus_settings(), name="load")
    try:
        opening = crowded(bus, folder, crowd, wanted=wanted, seconds=seconds, insist=insist)
        async with opening as admitted:
            async with admitted.listening() as check:
                before = await asyncio.to_thread(counted, stack)
                began = time.monotonic()
                await watch(admitted, check)
                took = time.monotonic() - began
                after = await asyncio.to_thread(counted, stack)
                dropped = admitted.dropped
            # What is still to be answered is by now.
            late, found = spread("published_late", await admitted.lags()), figures(admitted.heard)
    finally:
        await bus.drain()
    streams = len(admitted.streams)
    due = took * crowd.fps * streams
    encoded = sum(after[key] - before[key] for key in after if key.metric == "s1_frames")
    return {
        "seconds": round(took, 1),
        "fps": crowd.fps,
        "streams": streams,
        "refusal": admitted.refusal,
        "frames_due": round(due),
        "frames_encoded": encoded,
        "frames_dropped": dropped,
        # Neither encoded nor told as dropped. A few of a stream, or fewer than none, are at the trial's two edges.
        "frames_unaccounted": round(due) - encoded - dropped,
        "drop_share": round(dropped / due, 5) if due else 0.0,
        "drops": drops(before, after),
        "troubles": troubles(before, after),
        **found,
        **late,
    }

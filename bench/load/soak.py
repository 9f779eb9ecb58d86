"""How long a whole stack keeps up with live streams, and at what memory: `dsb load soak`, or `make soak`.

Long H.264 files of the synthetic world are played live; S1 follows them and writes its notes to memory, and is asked
about the present every 1.25 seconds; every third question goes to S2. Stated are drops by reason, reconnects, the age
of the newest frame that an answer rests on, and the memory of every process with its slope. What is kept for a time
(frames, answers, notes) is kept for five minutes, and memory remembers fewer texts than by default, so that within
the soak as much goes as comes. First comes a warm-up, in which pools fill and caches reach their size: counts hold
for it too, slopes are those of the time after.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.load.crowd import Crowd, Crowded
from bench.load.resident import Resident
from bench.load.trial import Check, play
from bench.overhead import percentile
from bench.run.embedded import Stack, StackSpec
from bench.run.stop import Stop, on_signals

__all__ = ["MOST", "soak"]

MOST = 64
"""Streams opened when as many are wanted as are admitted."""
_KEPT = ("DSB_FRAMES_LIVE_MAX_AGE_S", "DSB_ANSWERS_MAX_AGE_S", "DSB_ASKS_MAX_AGE_S")
"""How long the broker keeps frames, answers and what it knows of questions."""
_KEPT_S = "300"
_TEXTS = "256"
"""Vectors that memory remembers: its own 1,024 texts take longer to come than a warm-up lasts."""
_ASK_EVERY_S = 1.25
"""So often that the broker's blocks of answers, up to 8 MB each, go round within the soak."""
_S2_EVERY = 3


def soak(
    folder: Path,
    *,
    seconds: float,
    warm_up_s: float,
    streams: int | None,
    fps: float,
    slots: int | None = None,
    with_s2: bool = True,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Play `streams` (null: as many as are admitted) for a warm-up and `seconds` more; blocks. Figures by name.

    `slots` is how many streams S1 may own; null is its own default. SIGINT or SIGTERM ends it early: the figures are
    then those until there, and `interrupted` is true.
    """
    spec = StackSpec(
        folder=folder,
        counts={} if with_s2 else {"s2": 0},
        env=dict.fromkeys(_KEPT, _KEPT_S),
        service_env=_settings(streams, slots),
    )
    crowd = Crowd(fps=fps, ask_every_s=_ASK_EVERY_S, s2_every=_S2_EVERY if with_s2 else 0)
    whole = warm_up_s + seconds
    with Stack(spec) as stack, on_signals(stop := Stop()):
        resident = Resident(stack)
        watch = partial(_watch, resident, whole, Resident.every_s(seconds / 60), say, stop)
        found = asyncio.run(play(stack, folder, crowd, wanted=streams or MOST, seconds=whole, watch=watch))
    return {**found, "interrupted": stop.is_set(), "rss": resident.summary(warm_up_s)}


def _settings(streams: int | None, slots: int | None) -> dict[str, dict[str, str]]:
    own = {"memory": {"DSB_MEMORY_TTL_S": _KEPT_S, "DSB_MEMORY_TEXTS": _TEXTS}}
    if slots or streams:
        room = slots or max(8, streams or 0)
        # A reader that is full would be silent: it is S1 that shall refuse.
        own |= {"s1": {"DSB_SLOTS": f"{room}"}, "reader": {"DSB_SLOTS": f"{max(16, room + 1)}"}}
    return own


async def _watch(
    resident: Resident,
    seconds: float,
    every_s: float,
    say: Callable[[str], None],
    stop: Stop,
    crowd: Crowded,
    check: Check,
) -> None:
    """Look at memory for as long as the soak takes, or until `stop`; a row now and then."""
    say(f"streams admitted by S1: {len(crowd.streams)}")
    say(f"one more was refused: {crowd.refusal}" if crowd.refusal else "none was refused")
    minutes = seconds / 60
    began, rows = time.monotonic(), 0
    say(f"\nminute  {resident.heading()}   drops  asked  age p50")
    while (now := time.monotonic() - began) < seconds and not stop.is_set():
        resident.look(now)
        check()
        if now >= rows * 60 * max(1.0, minutes / 30):
            ages = [age for one in crowd.heard for age in one.ages]
            asked = sum(one.asked for one in crowd.heard)
            age = f"{percentile(ages, 50):6.2f} s" if len(ages) > 1 else "-"
            say(f"{now / 60:6.1f}  {resident.row()}  {crowd.dropped:6}  {asked:5}  {age}")
            rows += 1
        await asyncio.sleep(every_s)

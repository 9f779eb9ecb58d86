"""Limits of live video, by trial: the highest frame rate of one stream, and the largest number of streams.

A load is borne when no more than `Limit.drops` of the frames are given up by whoever, S1's 95th percentile keeps within
the target, every question is answered, and S1 has encoded what was due: nothing piles up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bench.load.counters import owned
from bench.load.crowd import Crowd
from bench.load.kept import Kept
from bench.load.livestream import PATIENCE_S
from bench.load.search import highest
from bench.load.trial import trial
from bench.run.embedded import Stack, StackSpec
from shared.errors import TransportError

__all__ = ["Limit", "Target", "max_fps", "max_streams", "why_not"]

Target = Literal["latency", "age"]
"""Of S1's answers: from ask to answer held, or the age of the newest frame it rests on, at the ask."""

_ENCODED = 0.95
"""Of the frames due, the least that S1 has encoded when the trial ends."""
_NAMES: dict[Target, str] = {"latency": "latencies_p95_s", "age": "ages_p95_s"}


class Limit(NamedTuple):
    """What still counts as borne."""

    target: Target
    p95_s: float
    drops: float = 0.0
    """Share of the frames."""


def why_not(found: dict[str, Any], limit: Limit, *, wanted: int) -> str:
    """Empty when a trial was borne, else the first reason why not."""
    p95 = found[_NAMES[limit.target]]
    if found["streams"] < wanted:
        return f"S1 refused {wanted - found['streams']} of {wanted}"
    if found["failed"]:
        return f"{found['failed']} of {found['asked']} questions failed"
    if found["drop_share"] > limit.drops:
        return f"{found['frames_dropped']} frames dropped"
    if found["frames_encoded"] < _ENCODED * (1 - limit.drops) * found["frames_due"]:
        return f"{found['frames_encoded']} of {found['frames_due']} frames encoded"
    if p95 is None or p95 > limit.p95_s:
        return f"{limit.target} p95 {p95} s"
    return ""


def max_streams(
    folder: Path,
    crowd: Crowd,
    *,
    seconds: float,
    most: int,
    limit: Limit,
    only: int | None,
    slots: int | None = None,
    kept: Kept,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """The largest number of streams up to `most` that is borne, or one trial of `only` so many; blocks.

    `slots` is how many S1 may own; null is room for all.
    """
    room = only or most
    trials = _Trials(folder, room=room, slots=slots, seconds=seconds, limit=limit, kept=kept, say=say)
    told = {"fps": crowd.fps, "notes": crowd.notes, "limit": limit._asdict()}
    with trials:
        if only is not None:
            trials.bears(crowd, only)
            return {**told, "trials": trials.done}
        best = highest(lambda count: trials.bears(crowd, count), first=min(8, most), most=most, within=0.05)
    return {"n_star": best, "most": most, **told, "trials": trials.done}


def max_fps(
    folder: Path,
    *,
    streams: int,
    seconds: float,
    most: int,
    limit: Limit,
    notes: bool,
    kept: Kept,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """The highest frame rate up to `most` at which each of `streams` is borne; blocks."""
    trials = _Trials(folder, room=streams, seconds=seconds, limit=limit, kept=kept, say=say)

    def bears(fps: int) -> bool:
        return trials.bears(Crowd(fps=fps, ask_every_s=2.0, notes=notes), streams)

    with trials:
        best = highest(bears, first=min(16, most), most=most, within=0.05)
    return {
        "max_fps": best,
        "streams": streams,
        "most": most,
        "limit": limit._asdict(),
        "trials": trials.done,
    }


class _Trials:
    """Trials on one stack, which is started when the first one has to be measured."""

    def __init__(
        self,
        folder: Path,
        *,
        room: int,
        slots: int | None = None,
        seconds: float,
        limit: Limit,
        kept: Kept,
        say: Callable[[str], None],
    ) -> None:
        self.done: list[dict[str, Any]] = []
        self._slots = slots or room
        own = {"s1": {"DSB_SLOTS": f"{self._slots}"}, "reader": {"DSB_SLOTS": f"{room}"}}
        self._spec = StackSpec(folder=folder, counts={"s2": 0}, service_env=own)
        self._stack: Stack | None = None
        self._seconds, self._limit, self._kept, self._say = seconds, limit, kept, say

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, *_: object) -> None:
        self._stop()

    def bears(self, crowd: Crowd, streams: int) -> bool:
        """Whether so many streams are borne; tells the trial."""
        settings = {**asdict(crowd), "streams": streams, "slots": self._slots, "seconds": self._seconds}
        try:
            found = self._kept.once(settings, lambda: self._measure(crowd, streams))
            why = why_not(found, self._limit, wanted=streams)
        except TransportError as error:
            # A stack under too much load says nothing in time. It may have been a hiccup: the next search tries again.
            self._stop()
            why = str(error)
            found = {"fps": crowd.fps, "streams": streams, "broke": why}
        self.done.append({**found, "why_not": why})
        self._say(f"{streams} streams, {crowd.fps:g} frames/s: {why or 'borne'}")
        return not why

    def _stop(self) -> None:
        """The next trial gets a stack of its own."""
        if self._stack is not None:
            self._stack.stop()
            self._stack = None

    def _measure(self, crowd: Crowd, streams: int) -> dict[str, Any]:
        if self._stack is None:
            self._stack = Stack(self._spec).start()
        # The streams of the trial before are let go of one by one; until then their slots are taken.
        deadline = time.monotonic() + PATIENCE_S
        while owned(self._stack) and time.monotonic() < deadline:
            time.sleep(0.1)
        return trial(self._stack, self._spec.folder, crowd, wanted=streams, seconds=self._seconds)

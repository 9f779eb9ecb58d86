"""What a measurement has to show to pass (`--require`), and which of it was missed, a few words each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.load.resident import BENCH
from bench.load.trend import ERRORS
from bench.report.words import signed

__all__ = ["interference_missed", "soak_missed", "throughput_missed"]

_CHOSEN = ("s1: slow_model", "reader: late")
"""The frames that the streams' policy, drop-oldest, gives up; all others are lost."""
_NONE = ("reconnects", "leases lost")
_OF_LINEAR = 0.9
"""Of as many times the throughput as there are workers: 3.6 of four."""
_RATIO = 1.25
"""Of S1's 95th percentile beside a saturated S2 that sleeps, over that beside an idle one, at most."""


def soak_missed(found: Mapping[str, Any]) -> list[str]:
    """No memory slope, no process started anew, no reconnect, lost lease or failed question, no frame lost unasked."""
    missed = [f"interrupted after {found['seconds'] / 60:.1f} minutes"] if found["interrupted"] else []
    for name, one in found["rss"].items():
        slope = f"the memory of {name}, {signed(one['slope_mb_h'], 2)} MB/h,"
        if name == BENCH:
            continue  # it is no service, and holds the figures of every answer until the end
        # What was taken at first may be given back.
        grows = one["slope_mb_h"] is None or one["slope_mb_h"] > 0
        if grows and one["within_noise"] is None:
            missed.append(f"{slope} can't be told from noise: soak longer")
        elif grows and not one["within_noise"]:
            missed.append(
                f"{slope} is more than {ERRORS} standard errors ({one['error_mb_h']:.2f}) from none"
            )
        if one["restarts"]:
            missed.append(f"{name} was started anew {one['restarts']} times")
    missed += [f"{count} {what}" for what in _NONE if (count := found["troubles"][what])]
    if found["failed"]:
        missed.append(f"{found['failed']} of {found['asked']} questions failed")
    lost = [f"{count} frames dropped ({who})" for who, count in found["drops"].items() if who not in _CHOSEN]
    return missed + lost


def throughput_missed(found: Mapping[str, Any]) -> list[str]:
    """Nearly as many times the answers of one worker as there are workers."""
    workers, times = max((int(count), times) for count, times in found["speedup"].items())
    wanted = _OF_LINEAR * workers
    return [] if times >= wanted else [f"{workers} workers gave {times:g} times one, not {wanted:g}"]


def interference_missed(kinds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A saturated S2 that only sleeps hardly slows S1; one that computes on the same cores may."""
    ratio = kinds["sleep"]["ratio"] if "sleep" in kinds else 0.0
    return [] if ratio <= _RATIO else [f"S1's p95 was {ratio:g} times its idle value, not {_RATIO:g}"]

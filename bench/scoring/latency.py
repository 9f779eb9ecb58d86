"""Latency of answers by part and path: p50 and p95, on the bench's own clock."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.run.lines import ScoredLine
from bench.scoring.scores import Latency

__all__ = ["Stopwatch"]


@dataclass
class _Times:
    """Seconds of one part and path, in columns: a run may have a million."""

    n: int = 0
    latency: array[float] = field(default_factory=lambda: array("d"))
    wait: array[float] = field(default_factory=lambda: array("d"))
    stages: dict[str, array[float]] = field(default_factory=dict)
    """Without those of no length."""


class Stopwatch:
    """Takes the times of the answers that came, and tells them by part and path."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], _Times] = {}

    def add(self, part: str, line: ScoredLine) -> None:
        """Take the times of one final."""
        times = self._times.setdefault((part, line.path), _Times())
        times.n += 1
        if line.latency_s is not None:
            times.latency.append(line.latency_s)
        if line.wait_s is not None:
            times.wait.append(line.wait_s)
        for name, seconds in line.stages.items():
            if seconds:
                times.stages.setdefault(name, array("d")).append(seconds)

    def latencies(self) -> tuple[Latency, ...]:
        """One `Latency` for each part and path, in order."""
        return tuple(_latency(*key, times) for key, times in sorted(self._times.items()))


def _latency(part: str, path: str, times: _Times) -> Latency:
    stages = {name: _median(seconds, times.n) for name, seconds in sorted(times.stages.items())}
    return Latency(
        part=part,
        path=path,
        n=times.n,
        p50_s=_at(times.latency, 50),
        p95_s=_at(times.latency, 95),
        wait_p50_s=_at(times.wait, 50),
        stages_p50_s={name: value for name, value in stages.items() if value > 0},
    )


def _median(seconds: Sequence[float], n: int) -> float:
    """Over all `n` answers: those without the stage took none."""
    whole = np.zeros(n)
    whole[: len(seconds)] = np.frombuffer(seconds) if isinstance(seconds, array) else seconds
    return round(float(np.percentile(whole, 50)), 6)


def _at(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 6) if values else None

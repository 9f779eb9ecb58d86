"""Latency of answers by part and path: p50 and p95, on the bench's own clock; and what its caches saved."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.run.lines import ScoredLine, UsageLine
from bench.scoring.scores import CacheUse, Latency

__all__ = ["SYSTEM", "Stopwatch"]

SYSTEM = "system"
"""The path of a routed run: whichever the router chose."""


@dataclass
class _Times:
    """Seconds of one part and path, in columns: a run may have a million."""

    n: int = 0
    latency: array[float] = field(default_factory=lambda: array("d"))
    wait: array[float] = field(default_factory=lambda: array("d"))
    stages: dict[str, array[float]] = field(default_factory=dict)
    """Without those of no length."""


@dataclass
class _Kept:
    """Sums over answers and emissions."""

    answers: int = 0
    shown: int = 0
    encoded: int = 0
    reencoded: int = 0
    prompt: int = 0
    reused: int = 0
    saved_s: float = 0.0
    most_bytes: int = 0

    def add(self, usage: UsageLine) -> None:
        self.answers += 1
        self.shown += usage.frames_encoded + usage.frames_reused
        self.encoded += usage.frames_encoded
        self.reencoded += usage.frames_reencoded
        self.prompt += usage.prompt_tokens
        self.reused += usage.reused_tokens
        self.saved_s += usage.saved_s
        self.most_bytes = max(self.most_bytes, usage.cache_bytes)

    def told(self) -> CacheUse:
        return CacheUse(
            answers=self.answers,
            frame_hits=round(1 - self.encoded / self.shown, 6) if self.shown else None,
            token_hits=round(self.reused / self.prompt, 6) if self.prompt else None,
            frames_encoded=self.encoded,
            frames_reencoded=self.reencoded,
            saved_s=round(self.saved_s, 6),
            most_bytes=self.most_bytes,
        )


class Stopwatch:
    """Takes the times of the answers that came, and tells them by part and path."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], _Times] = {}
        self._kept: dict[tuple[str, str], _Kept] = {}

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

    def add_seconds(self, part: str, path: str, seconds: float) -> None:
        """Take the time of one answer of which no more is known."""
        times = self._times.setdefault((part, path), _Times())
        times.n += 1
        times.latency.append(seconds)

    def count(self, part: str, line: ScoredLine) -> None:
        """Take what was kept for one final or emission."""
        if line.usage.frames_encoded or line.usage.frames_reused:
            self._kept.setdefault((part, line.path), _Kept()).add(line.usage)

    def latencies(self) -> tuple[Latency, ...]:
        """One `Latency` for each part and path, in order."""
        return tuple(_latency(*key, times, self._kept.get(key)) for key, times in sorted(self._times.items()))


def _latency(part: str, path: str, times: _Times, kept: _Kept | None) -> Latency:
    stages = {name: _median(seconds, times.n) for name, seconds in sorted(times.stages.items())}
    return Latency(
        part=part,
        path=path,
        n=times.n,
        p50_s=_at(times.latency, 50),
        p95_s=_at(times.latency, 95),
        wait_p50_s=_at(times.wait, 50),
        stages_p50_s={name: value for name, value in stages.items() if value > 0},
        cache=kept.told() if kept else None,
    )


def _median(seconds: Sequence[float], n: int) -> float:
    """Over all `n` answers: those without the stage took none."""
    whole = np.zeros(n)
    whole[: len(seconds)] = np.frombuffer(seconds) if isinstance(seconds, array) else seconds
    return round(float(np.percentile(whole, 50)), 6)


def _at(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 6) if values else None

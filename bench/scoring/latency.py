"""Latency of answers by part and path: p50 and p95, on the bench's own clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench.scoring.scores import Latency

__all__ = ["Timed", "latencies"]


class Timed(NamedTuple):
    """The clock's part of one answer that came."""

    part: str
    path: str
    latency_s: float | None
    wait_s: float | None
    stages: Mapping[str, float]


def latencies(timed: Iterable[Timed]) -> tuple[Latency, ...]:
    """One `Latency` for each part and path, in order."""
    groups: dict[tuple[str, str], list[Timed]] = {}
    for item in timed:
        groups.setdefault((item.part, item.path), []).append(item)
    return tuple(_latency(part, path, items) for (part, path), items in sorted(groups.items()))


def _latency(part: str, path: str, items: Sequence[Timed]) -> Latency:
    seconds = [item.latency_s for item in items if item.latency_s is not None]
    waits = [item.wait_s for item in items if item.wait_s is not None]
    names = sorted({name for item in items for name in item.stages})
    stages = {name: _at([item.stages.get(name, 0.0) for item in items], 50) or 0.0 for name in names}
    return Latency(
        part=part,
        path=path,
        n=len(items),
        p50_s=_at(seconds, 50),
        p95_s=_at(seconds, 95),
        wait_p50_s=_at(waits, 50),
        stages_p50_s={name: value for name, value in stages.items() if value > 0},
    )


def _at(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 6) if values else None

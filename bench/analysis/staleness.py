"""What lateness costs: answers judged by the gold of the time when they came, and by deadlines.

- *Staleness loss*: the share of answers right at the ask and wrong at their emission, since the world went on.
- *Information age*: emission minus the newest frame in the prompt, seconds: how old what it is based on is.
- *Acc@D*: right (at the ask) and there within D seconds; its area is taken over log D, 1 for right at once.

Streaming accuracy after Li, Wang & Ramanan, "Towards Streaming Perception", ECCV 2020.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.analysis.answered import Answered
from bench.scoring.base import Rules
from bench.scoring.stats import Estimate, estimate

__all__ = ["DEADLINES_S", "Quantiles", "Staleness", "deadline_area", "staleness"]

DEADLINES_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Quantiles(BaseModel):
    """Seconds; null where nothing was measured."""

    model_config = ConfigDict(frozen=True)

    n: int
    p50: float | None
    p95: float | None


class Staleness(BaseModel):
    """One part on one path."""

    model_config = ConfigDict(frozen=True)

    part: str
    path: str
    n: int
    """Finals whose latency is known, failures included: they are wrong at any time."""
    at_ask: Estimate
    at_emission: Estimate
    loss: Estimate
    """Share right at the ask and wrong at the emission."""
    luck: Estimate
    """Share wrong at the ask and right at the emission."""
    latency: Quantiles
    information_age: Quantiles
    within: dict[str, Estimate]
    """Acc@D by D, in seconds."""
    area: float | None
    """Of Acc@D over log D, between the first and the last D, as a share of the largest there can be."""


def staleness(found: Iterable[Answered], rules: Rules, *, seed: int = 0) -> list[Staleness]:
    """By part and path, in order; answers without a measured latency are left out."""
    groups: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for one in found:
        if one.latency_s is not None or not one.ok:
            groups[one.item.part, one.path].append(one)
    return [_staleness(*key, group, rules, seed) for key, group in sorted(groups.items())]


def deadline_area(values: Sequence[float | None]) -> float | None:
    """Area under Acc@D over log D by the trapezoid rule, divided by log of the last over the first D."""
    if any(value is None for value in values):
        return None
    whole = math.log(DEADLINES_S[-1] / DEADLINES_S[0])
    steps = zip(pairwise(DEADLINES_S), pairwise(values), strict=True)
    area = sum(math.log(d2 / d1) * ((a or 0) + (b or 0)) / 2 for (d1, d2), (a, b) in steps)
    return round(area / whole, 6)


def _staleness(part: str, path: str, group: Sequence[Answered], rules: Rules, seed: int) -> Staleness:
    videos = [one.item.video for one in group]
    ask = [one.right_at(one.item.t_ask, rules) for one in group]
    emitted = [one.t_emit is not None and one.right_at(one.t_emit, rules) for one in group]

    def share(values: Iterable[bool]) -> Estimate:
        return estimate([float(value) for value in values], videos, seed=seed)

    within = {
        f"{d:g}": share(right and _late(one) <= d for right, one in zip(ask, group, strict=True))
        for d in DEADLINES_S
    }
    return Staleness(
        part=part,
        path=path,
        n=len(group),
        at_ask=share(ask),
        at_emission=share(emitted),
        loss=share(a and not e for a, e in zip(ask, emitted, strict=True)),
        luck=share(e and not a for a, e in zip(ask, emitted, strict=True)),
        latency=_quantiles([one.latency_s for one in group if one.ok]),
        information_age=_quantiles([_age(one) for one in group if one.ok]),
        within=within,
        area=deadline_area([one.value for one in within.values()]),
    )


def _late(one: Answered) -> float:
    return math.inf if one.latency_s is None else one.latency_s


def _age(one: Answered) -> float | None:
    return None if one.seen_to_s is None or one.t_emit is None else one.t_emit - one.seen_to_s


def _quantiles(values: Sequence[float | None]) -> Quantiles:
    held = [value for value in values if value is not None]
    if not held:
        return Quantiles(n=0, p50=None, p95=None)
    low, high = np.percentile(held, [50, 95])
    return Quantiles(n=len(held), p50=round(float(low), 6), p95=round(float(high), 6))

"""Intervals and tests by video, since questions about one video are not independent.

Cluster bootstrap: videos are drawn with replacement, and a score is computed from the totals of the drawn
ones; the interval is the percentile one (Efron & Tibshirani 1993, ch. 13; Cameron, Gelbach & Miller 2008 for
clusters). Two systems are compared on the same draws. Seeded: the same answers give the same interval, to the
last digit. Above `GROUPS` videos they are resampled in that many groups, which bounds time and memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bench.scoring.measures import Array, Measure, Places, ratio

__all__ = [
    "DRAWS",
    "GROUPS",
    "Drawn",
    "Estimate",
    "difference",
    "drawn",
    "estimate",
    "interval",
    "mcnemar",
    "measured",
    "paired",
    "sign_flip",
]

DRAWS = 2000
GROUPS = 4096
_EXACT = 12
"""Up to so many clusters every sign is tried; above, `DRAWS` random ones."""


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval."""

    n: int
    """Things judged."""
    value: float | None
    """Null when there is nothing to average."""
    low: float | None
    """Null below two videos: there is nothing to resample."""
    high: float | None
    clusters: int


NOTHING = Estimate(0, None, None, None, 0)


def estimate(values: Sequence[float], clusters: Sequence[int], *, seed: int = 0) -> Estimate:
    """The mean of `values`, resampled by cluster (`clusters[i]` is the cluster of `values[i]`)."""
    if not len(values):
        return NOTHING
    sums = np.stack([np.asarray(values, dtype=np.float64), np.ones(len(values))], axis=1)
    return measured(Measure("mean", sums, np.asarray(clusters, dtype=np.int64), _mean), seed=seed)


def paired(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[int], *, seed: int = 0
) -> Estimate:
    """The mean of `second - first` over the same questions, resampled by cluster."""
    return estimate([b - a for a, b in zip(first, second, strict=True)], clusters, seed=seed)


def measured(measure: Measure, *, seed: int = 0) -> Estimate:
    """A score with its interval."""
    if not len(measure.sums):
        return NOTHING
    totals, count = _by_cluster(measure.sums, measure.clusters)
    value = measure.value(totals.sum(axis=0))
    draws = measure.value(_weights(len(totals), seed) @ totals) if count > 1 else None
    return _estimate(len(measure.sums), value, draws, count)


def difference(first: Measure, second: Measure, *, seed: int = 0) -> Estimate:
    """`second - first`, the same videos drawn for both; both must judge the same items."""
    if not len(first.sums) and not len(second.sums):
        return NOTHING
    before, after, count = _aligned(first, second)
    value = second.value(after.sum(axis=0)) - first.value(before.sum(axis=0))
    draws = None
    if count > 1:
        weights = _weights(len(before), seed)
        draws = second.value(weights @ after) - first.value(weights @ before)
    return _estimate(max(len(first.sums), len(second.sums)), value, draws, count)


class Drawn(NamedTuple):
    """Sums over questions, and over the questions of drawn videos, for scores that need many of them at once."""

    totals: Array
    """`[columns]`."""
    draws: Array | None
    """`[DRAWS, columns]`; null below two videos."""
    clusters: int


def drawn(sums: Array, clusters: Places, *, seed: int = 0, draws: int = DRAWS) -> Drawn:
    """Sums of the columns of `sums` (a row a question), once over all and once a draw."""
    totals, count = _by_cluster(sums, clusters)
    weights = _weights(len(totals), seed)[:draws]
    return Drawn(totals.sum(axis=0), weights @ totals if count > 1 else None, count)


def interval(n: int, value: Array, draws: Array | None, clusters: int) -> Estimate:
    """A score with its percentile interval; draws that are NaN (undefined there) are left out."""
    return _estimate(n, value, draws, clusters)


def sign_flip(first: Measure, second: Measure, *, seed: int = 0) -> float | None:
    """Two-sided p-value that the two systems are alike, their answers exchanged video by video.

    A randomisation test (Fisher 1935; Noreen 1989): under the null hypothesis the two are exchangeable within
    a video. Exact up to 12 videos; else p = (1 + as extreme) / (1 + draws). Null when there is one video only.
    """
    before, after, count = _aligned(first, second)
    if count < 2:
        return None
    seen = float(second.value(after.sum(axis=0)) - first.value(before.sum(axis=0)))
    if np.isnan(seen):
        return None
    flips = _flips(len(before), seed)
    gap = after - before
    changed = flips @ gap
    drawn = second.value(after.sum(axis=0) - changed) - first.value(before.sum(axis=0) + changed)
    extreme = int((np.abs(drawn[~np.isnan(drawn)]) >= abs(seen) - 1e-12).sum())
    if len(before) <= _EXACT:
        return round(extreme / len(flips), 6)
    return round((1 + extreme) / (1 + len(flips)), 6)


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided McNemar test: of the questions that only one got right, how many are the second's.

    p = min(1, 2 P[Bin(b + c, 1/2) ≤ min(b, c)]) (McNemar 1947, in its exact form). For independent questions:
    one a video.
    """
    total, fewer = first_only + second_only, min(first_only, second_only)
    if total == 0:
        return 1.0
    steps = np.arange(1, fewer + 1, dtype=np.float64)
    logs = np.concatenate([[0.0], np.cumsum(np.log((total - steps + 1) / steps))]) - total * np.log(2)
    top = logs.max()
    return round(min(1.0, 2 * float(np.exp(top) * np.exp(logs - top).sum())), 6)


def _mean(totals: Array) -> Array:
    return ratio(totals)


def _estimate(n: int, value: Array, draws: Array | None, clusters: int) -> Estimate:
    if np.isnan(value):
        return Estimate(n, None, None, None, clusters)
    kept = draws[~np.isnan(draws)] if draws is not None else np.empty(0)
    if not len(kept):
        return Estimate(n, _round(value), None, None, clusters)
    low, high = np.percentile(kept, [2.5, 97.5])
    return Estimate(n, _round(value), _round(low), _round(high), clusters)


def _round(value: float | np.floating | Array) -> float:
    return round(float(value), 6) + 0.0


def _by_cluster(sums: Array, clusters: Places) -> tuple[Array, int]:
    """Totals by video, or by group of videos, and the number of videos."""
    known, places = np.unique(clusters, return_inverse=True)
    return _grouped(_totals(sums, places, len(known))), len(known)


def _aligned(first: Measure, second: Measure) -> tuple[Array, Array, int]:
    known, places = np.unique(np.concatenate([first.clusters, second.clusters]), return_inverse=True)
    cut = len(first.clusters)
    before = _totals(first.sums, places[:cut], len(known))
    after = _totals(second.sums, places[cut:], len(known))
    return _grouped(before), _grouped(after), len(known)


def _totals(sums: Array, places: Places, count: int) -> Array:
    columns = [np.bincount(places, weights=column, minlength=count) for column in sums.T]
    return np.stack(columns, axis=1).astype(np.float64)


def _grouped(totals: Array) -> Array:
    """Every 4096th video together; unlike neighbours, such videos have nothing in common."""
    if len(totals) <= GROUPS:
        return totals
    return _totals(totals, np.arange(len(totals)) % GROUPS, GROUPS)


@lru_cache(maxsize=2)
def _weights(count: int, seed: int) -> Array:
    """How often each cluster is drawn, a row a resample."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float64)


@lru_cache(maxsize=2)
def _flips(count: int, seed: int) -> Array:
    """Which clusters are exchanged, a row a trial."""
    if count <= _EXACT:
        return (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(np.float64)
    return np.random.default_rng(seed).integers(0, 2, size=(DRAWS, count)).astype(np.float64)

"""Intervals: cluster bootstrap by video, since questions about one video are not independent.

Accuracy of a resample is the sum of right answers over the sum of questions of the drawn videos; the
interval is the percentile one. Seeded: the same answers give the same interval, to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DRAWS", "Estimate", "estimate", "paired"]

DRAWS = 2000
_CELLS = 4_000_000
"""Resampled weights held at once: bounds the memory whatever the number of videos."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval."""

    n: int
    value: float | None
    """Null when there is nothing to average."""
    low: float | None
    """Null below two videos: there is nothing to resample."""
    high: float | None
    clusters: int


def estimate(values: Sequence[float], clusters: Sequence[int], *, seed: int = 0) -> Estimate:
    """The mean of `values`, resampled by cluster (`clusters[i]` is the cluster of `values[i]`)."""
    if not values:
        return Estimate(0, None, None, None, 0)
    sums, sizes = _by_cluster(values, clusters)
    mean = round(float(sums.sum() / sizes.sum()), 6)
    if len(sums) < 2:
        return Estimate(len(values), mean, None, None, len(sums))
    low, high = np.percentile(_resample(sums, sizes, seed), [2.5, 97.5])
    return Estimate(len(values), mean, round(float(low), 6), round(float(high), 6), len(sums))


def paired(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[int], *, seed: int = 0
) -> Estimate:
    """The mean of `second - first` over the same questions, resampled by cluster."""
    return estimate([b - a for a, b in zip(first, second, strict=True)], clusters, seed=seed)


def _by_cluster(
    values: Sequence[float], clusters: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    _, places = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(places, weights=np.asarray(values, dtype=np.float64))
    sizes: NDArray[np.float64] = np.bincount(places).astype(np.float64)
    return sums.astype(np.float64), sizes


def _resample(sums: NDArray[np.float64], sizes: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    count = len(sums)
    step = max(1, _CELLS // count)
    means = []
    for start in range(0, DRAWS, step):
        draws = min(step, DRAWS - start)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=draws)
        means.append((weights @ sums) / (weights @ sizes))
    return np.concatenate(means)

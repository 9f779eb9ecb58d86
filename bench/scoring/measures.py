"""Measures: what a score is made of, added up by video, so that whole videos can be drawn again.

Every score is a function of column totals: accuracy is right / asked, F1 is 2 TP / (2 TP + FP + FN). The
function takes totals of any number of resamples at once, and gives NaN where there is nothing to divide by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Measure", "Places", "balanced", "f1", "of", "ratio"]

Array = NDArray[np.float64]
Places = NDArray[np.int64]


class Measure(NamedTuple):
    """One score of one path."""

    name: str
    sums: Array
    """A row a judged thing, a column a quantity."""
    clusters: Places
    """The video of each row."""
    value: Callable[[Array], Array]
    """Totals, columns last, to scores."""
    unit: str = "share"
    """`share` (0 to 1), or `per hour`."""


def ratio(totals: Array) -> Array:
    """First column over second."""
    return _divide(totals[..., 0], totals[..., 1])


def balanced(totals: Array) -> Array:
    """Balanced accuracy: the mean over states of the accuracy in that state; columns right, asked, right, asked.

    With classes of unequal size it is what makes "always yes" score one half (Brodersen et al., ICPR 2010). A
    state that never holds is left out.
    """
    first = _divide(totals[..., 0], totals[..., 1])
    second = _divide(totals[..., 2], totals[..., 3])
    both = (first + second) / 2
    return np.where(np.isnan(first), second, np.where(np.isnan(second), first, both))


def f1(totals: Array) -> Array:
    """2 TP / (2 TP + FP + FN), pooled; columns TP, FP, FN. NaN when nothing was due and nothing said."""
    hits = 2 * totals[..., 0]
    return _divide(hits, hits + totals[..., 1] + totals[..., 2])


def of(
    name: str,
    tallies: Array,
    columns: Sequence[int],
    clusters: Places,
    value: Callable[[Array], Array] = ratio,
    unit: str = "share",
    every: bool = False,
) -> Measure:
    """A measure of some columns of the tallies.

    Rows in which all of them are zero are left out, unless `every` row belongs to it.
    """
    sums = tallies[:, list(columns)]
    if every:
        return Measure(name, sums, clusters, value, unit)
    held = sums.any(axis=1)
    return Measure(name, sums[held], clusters[held], value, unit)


def _divide(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)

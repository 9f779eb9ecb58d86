"""Whether a series of measurements over time rises: the least-squares slope, and how far it can be trusted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

__all__ = ["ERRORS", "Trend", "trend"]

ERRORS = 2
"""Standard errors from zero within which a slope is noise."""


class Trend(NamedTuple):
    """A straight line through a series."""

    slope: float
    """Units of value by unit of time."""
    error: float
    """Standard error of the slope."""

    def within_noise(self, least: float = 0.0) -> bool | None:
        """Whether the slope is below `least`, or can't be told from none; null when there are too few points to say."""
        if abs(self.slope) < least:
            return True
        return None if math.isnan(self.error) else abs(self.slope) <= ERRORS * self.error


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """Fit `values` over `times`, which are equally spaced; `nan` for an error that three points can't give.

    Neighbours in a series of memory sizes are alike, so the ordinary error would be too small: it is widened as for
    as many independent points as the first-order autocorrelation r of the residuals leaves, n (1 - r) / (1 + r)
    (Santer et al. 2000, doi:10.1029/1999JD901105).
    """
    slope, intercept = statistics.linear_regression(times, values)
    rest = [value - intercept - slope * t for t, value in zip(times, values, strict=True)]
    squares = sum(r * r for r in rest)
    alike = sum(a * b for a, b in pairwise(rest)) / squares if squares else 0.0
    left = len(rest) * (1 - max(0.0, alike)) / (1 + max(0.0, alike))
    if left <= 2:
        return Trend(slope, math.nan)
    mean = statistics.fmean(times)
    spread = sum((t - mean) ** 2 for t in times)
    return Trend(slope, math.sqrt(squares / (left - 2) / spread))

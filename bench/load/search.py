"""The highest load that is borne: doubled until it is too much, then halved in between."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["highest"]


def highest(bears: Callable[[int], bool], *, first: int, most: int, within: float = 0.0) -> int:
    """The highest whole number from 1 to `most` that is borne, 0 if none is, as if whatever is less were borne too.

    The bracket is narrowed to `within`, a share of the number, and no further than 1.
    """
    low, high, at = 0, most + 1, min(first, most)
    while low < at < high:
        if bears(at):
            low = at
        else:
            high = at
        if high - low <= max(1, math.floor(within * low)):
            return low
        at = min(2 * low, most) if high > most and low else (low + high) // 2
    return low

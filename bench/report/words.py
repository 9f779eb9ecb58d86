"""Numbers as people read them."""

from __future__ import annotations

from bench.scoring.stats import Estimate

__all__ = ["SLICES", "UNDEFINED", "interval", "percent", "seconds", "shown", "signed"]

SLICES = {
    "all": "all",
    "s1_window": "in S1's window",
    "s2_window": "in S2's window only",
    "memory": "in memory only",
    "unknown": "not told",
}
"""Where the evidence of a question is, by the name of its slice."""
UNDEFINED = (
    "–: nothing to judge or to time, such as the precision of silence; as an interval, fewer than two videos; "
    "as McNemar's p, videos with several questions."
)
"""What the sign stands for that the functions below put in place of a number."""


def percent(value: float | None) -> str:
    """`0.953` as `95.3 %`."""
    return "–" if value is None else f"{100 * value:.1f} %"


def shown(value: float | None, unit: str) -> str:
    """A share in percent, a rate with its unit."""
    if unit == "share" or value is None:
        return percent(value)
    return f"{value:.1f} /h"


def signed(value: float | None, digits: int, *, scale: float = 1.0) -> str:
    """With its sign."""
    return "–" if value is None else f"{scale * value:+.{digits}f}"


def interval(value: Estimate, *, plus: bool = False, unit: str = "share") -> str:
    """`[91.0, 98.2]`, shares in percent."""
    if value.low is None or value.high is None:
        return "–"
    sign, scale = "+" if plus else "", 100 if unit == "share" else 1
    return f"[{scale * value.low:{sign}.1f}, {scale * value.high:{sign}.1f}]"


def seconds(value: float | None) -> str:
    """Three digits, whatever the size."""
    if value is None:
        return "–"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"

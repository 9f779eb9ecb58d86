from __future__ import annotations

import re

import pytest

from bench.report.html.charts import Line, lines


def ticks(points: list[tuple[float, float]]) -> list[str]:
    """The numbers at the left axis, from below."""
    svg = lines([Line("a", "s1", points)], x_name="x", y_name="y")
    return re.findall(r'text-anchor="end">([^<]+)<', svg)


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.0, 1.0, ["0", "0.25", "0.5", "0.75", "1"]),
        (66.4, 98.7, ["60", "70", "80", "90", "100"]),
        (0.0, 0.07, ["0", "0.02", "0.04", "0.06", "0.08"]),
    ],
)
def test_axes_have_round_numbers_and_hold_their_points(low: float, high: float, told: list[str]) -> None:
    assert ticks([(0.0, low), (1.0, high)]) == told


def test_a_single_point_is_a_chart_too() -> None:
    assert "<circle" in lines([Line("a", "s1", [(1.0, 5.0)], dots=True)], x_name="x", y_name="y")

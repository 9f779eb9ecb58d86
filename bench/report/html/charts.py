"""Charts as SVG text: no script, no fonts of its own; colours come from the page's style sheet by class."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

__all__ = ["Bar", "Dot", "Line", "bars", "dots", "lines", "stacked", "standing_alone"]

_WIDTH, _LABEL, _ROW = 720, 190, 22
_BOX = (60, 20, 520, 260)
"""Left, top, width and height of the plot area of a line chart."""


class Dot(NamedTuple):
    """A value with its interval, all shares."""

    label: str
    kind: str
    """Class: `s1`, `s2`, `system` or `blind`."""
    value: float | None
    low: float | None = None
    high: float | None = None


class Line(NamedTuple):
    """A curve."""

    label: str
    kind: str
    points: Sequence[tuple[float, float]]
    dots: bool = False
    """Single points, not joined."""


class Bar(NamedTuple):
    """A whole made of named counts."""

    label: str
    shares: Sequence[tuple[str, str, int]]
    """Name, class and count of each piece."""


def bars(rows: Sequence[Bar]) -> str:
    """A row a whole, all of one length; a piece says its name and count when pointed at, and the legend names them."""
    height, span = _ROW * len(rows) + 40, _WIDTH - _LABEL - 20
    parts = [_open(_WIDTH, height)]
    for number, row in enumerate(rows):
        y, x = 6 + number * _ROW, float(_LABEL)
        whole = sum(count for _, _, count in row.shares) or 1
        parts.append(
            f'<text class="label" x="{_LABEL - 10}" y="{y + 12}" text-anchor="end">{escape(row.label)}</text>'
        )
        for name, kind, count in row.shares:
            width = span * count / whole
            title = f"<title>{escape(row.label)}: {escape(name)} {count}</title>"
            parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="15">{title}</rect>'
            )
            x += width
    names = {name: kind for row in rows for name, kind, _ in row.shares}
    for number, (name, kind) in enumerate(names.items()):
        x, y = _LABEL + number * 120, height - 18
        parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="10" height="10"/>')
        parts.append(f'<text class="label" x="{x + 14}" y="{y + 10}">{escape(name)}</text>')
    return "".join(parts) + "</svg>"


def dots(rows: Sequence[Dot]) -> str:
    """A row a value on a scale from 0 to 100 %, with its interval as a bar."""
    height = _ROW * len(rows) + 30
    span = _WIDTH - _LABEL - 60
    parts = [_open(_WIDTH, height)]
    for tick in range(0, 101, 25):
        x = _LABEL + span * tick / 100
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 22}"/>')
        parts.append(_tick(x, height - 8, f"{tick} %"))
    for number, row in enumerate(rows):
        parts += _dot(row, 16 + number * _ROW, span)
    return "".join(parts) + "</svg>"


def _dot(row: Dot, y: int, span: float) -> list[str]:
    label = f'<text class="label" x="{_LABEL - 10}" y="{y + 4}" text-anchor="end">{escape(row.label)}</text>'
    if row.value is None:
        return [label, f'<text class="tick" x="{_LABEL + 4}" y="{y + 4}">–</text>']
    x = _LABEL + span * row.value
    made = [label]
    if row.low is not None and row.high is not None:
        a, b = _LABEL + span * row.low, _LABEL + span * row.high
        made.append(f'<line class="bar {row.kind}" x1="{a:.1f}" x2="{b:.1f}" y1="{y}" y2="{y}"/>')
    made.append(f'<circle class="{row.kind}" cx="{x:.1f}" cy="{y}" r="5"/>')
    made.append(
        f'<text class="value" x="{_WIDTH - 4}" y="{y + 4}" text-anchor="end">{100 * row.value:.1f} %</text>'
    )
    return made


def lines(curves: Sequence[Line], *, x_name: str, y_name: str, log_x: bool = False) -> str:
    """Curves over one pair of axes, with a legend; empty text where there is no point."""
    points = [point for curve in curves for point in curve.points if not log_x or point[0] > 0]
    if not points:
        return ""
    left, top, width, height = _BOX
    axes = _Axes.of(points, log_x=log_x)
    parts = [_open(_WIDTH, top + height + 50)]
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, y = left + width * share, top + height * (1 - share)
        parts.append(f'<line class="grid" x1="{left}" x2="{left + width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_tick(left - 6, y + 4, _told(axes.y_at(share)), "end"))
        parts.append(_tick(x, top + height + 16, _told(axes.x_at(share))))
    parts.append(_tick(left + width / 2, top + height + 36, x_name))
    parts.append(_tick(left, top - 6, y_name, "start"))
    for number, curve in enumerate(curves):
        places = [axes.place(x, y) for x, y in curve.points if not log_x or x > 0]
        parts += _curve(curve, places, number)
    return "".join(parts) + "</svg>"


class _Axes(NamedTuple):
    """From values to pixels."""

    x0: float
    x1: float
    y0: float
    y1: float
    log_x: bool

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]], *, log_x: bool) -> _Axes:
        """Axes that hold the points, with round numbers at their quarters."""
        xs = [math.log10(x) if log_x else x for x, _ in points]
        ys = [y for _, y in points]
        x0, x1 = (min(xs), max(max(xs), min(xs) + 1e-9)) if log_x else _round_span(min(xs), max(xs))
        return cls(x0, x1, *_round_span(min(ys), max(ys)), log_x)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        left, top, width, height = _BOX
        share = ((math.log10(x) if self.log_x else x) - self.x0) / (self.x1 - self.x0)
        return left + width * share, top + height * (1 - (y - self.y0) / (self.y1 - self.y0))

    def x_at(self, share: float) -> float:
        """The value at a share of the axis."""
        value = self.x0 + share * (self.x1 - self.x0)
        return 10**value if self.log_x else value

    def y_at(self, share: float) -> float:
        """The value at a share of the axis."""
        return self.y0 + share * (self.y1 - self.y0)


def _round_span(low: float, high: float) -> tuple[float, float]:
    """The narrowest span around two values with round quarters: steps of 1, 2, 2.5 or 5 times a power of ten."""
    size = 10.0 ** math.floor(math.log10(max(high - low, 1e-6) / 4))
    for step in (size * factor for factor in (1, 2, 2.5, 5, 10, 20)):
        start = math.floor(low / step + 1e-9) * step
        if start + 4 * step >= high - 1e-9 * step:
            return start, start + 4 * step
    return low, high


def _curve(curve: Line, places: Sequence[tuple[float, float]], number: int) -> list[str]:
    left, top, width, _ = _BOX
    y = top + 10 + 18 * number
    made = [
        f'<circle class="{curve.kind}" cx="{left + width + 16}" cy="{y}" r="4"/>',
        f'<text class="label" x="{left + width + 26}" y="{y + 4}">{escape(curve.label)}</text>',
    ]
    if curve.dots:
        return made + [f'<circle class="{curve.kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return [*made, f'<polyline class="{curve.kind}" points="{joined}"/>']


def _tick(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def stacked(*charts: str) -> str:
    """Charts beneath each other, as one."""
    boxes = [re.match(r'<svg viewBox="0 0 (\d+) (\d+)"', chart) for chart in charts]
    sizes = [(int(box[1]), int(box[2])) for box in boxes if box]
    parts, y = [_open(max(width for width, _ in sizes), sum(height for _, height in sizes))], 0
    for chart, (width, height) in zip(charts, sizes, strict=True):
        parts.append(chart.replace("<svg ", f'<svg y="{y}" width="{width}" height="{height}" ', 1))
        y += height
    return "".join(parts) + "</svg>"


def standing_alone(svg: str, style: str) -> str:
    """A chart as a file of its own, with the page's style sheet in it."""
    return svg.replace(">", f"><style>{style}</style>", 1)


def _open(width: int, height: int) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg">'


def _told(value: float) -> str:
    return f"{value:.3g}"

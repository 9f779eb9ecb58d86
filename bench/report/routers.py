"""Routing policies side by side on one paired run: a compact table, and accuracy over cost as a chart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.report.html.charts import Bar, Line
from bench.report.sheet import Sheet
from bench.report.words import interval, percent, signed
from bench.routing.metrics import Chosen as Choices
from bench.routing.metrics import Outcome, chosen_at, cost_of, right
from bench.routing.paired import Paired
from bench.routing.replay import replay
from bench.routing.results import Replayed, results

__all__ = ["POLICIES", "cost_curves", "misroute_bars", "on_front", "replayed", "router_sheet"]

POLICIES = ("force-s1", "force-s2", "random@0.5", "rule", "oracle")
"""What is always there to compare with."""
_PRICES = (0.0, *np.geomspace(0.01, 2.0, 40).tolist())
_SAME = 1e-12


def replayed(table: Paired, policies: Sequence[str]) -> list[Replayed]:
    """Replay policies on a paired run; raises `ConfigError` for one that is not known."""
    return [results(table, replay(table, name)) for name in dict.fromkeys(policies)]


def on_front(found: Sequence[Replayed]) -> list[bool]:
    """The Pareto front: whether none is as right for less, or more right for as much; the oracle is left out."""
    points = [
        (item.cost.value or 0.0, item.accuracy.value or 0.0) if not _is_oracle(item) else None
        for item in found
    ]
    return [
        point is not None and not any(_beats(other, point) for other in points if other) for point in points
    ]


def router_sheet(found: Sequence[Replayed]) -> Sheet:
    """A row a policy."""
    columns = ("policy", "S2 share", "accuracy", "95 % interval", "cost", "lift", "95 % interval", "gap closed", "APGR",
               "AUROC", "missed", "harmful", "wasted", "front")  # fmt: skip
    rows = [
        (
            item.policy, percent(item.rho.value), percent(item.accuracy.value), interval(item.accuracy),
            percent(item.cost_share.value), signed(item.lift.value, 1, scale=100), interval(item.lift, plus=True),
            percent(item.gap_closed.value), "–" if item.apgr is None else _three(item.apgr.value), _three(item.auroc),
            str(item.cells.missed), str(item.cells.harmful), str(item.cells.wasted), "yes" if front else "",
        )
        for item, front in zip(found, on_front(found), strict=True)
    ]  # fmt: skip
    first = found[0]
    title = f"Routing policies, {first.n} questions of {first.videos} videos"
    notes = (
        f"Cost is {first.unit} a question, as a share of S2 alone.",
        "Lift is over random routing at the same S2 share, in points.",
        "Missed: only S2 is right and S1 was asked. Harmful: S2 was asked and only S1 is right.",
        "Wasted: S2 was asked and changed nothing.",
    )
    return Sheet(title, columns, rows, notes=notes)


def cost_curves(table: Paired, found: Sequence[Replayed]) -> list[Line]:
    """Accuracy in percent over cost a question: random routing, the oracle over its prices, policies, their front."""
    outcome = table.outcome
    ends = [
        (float(c.mean()), 100 * float(y.mean()))
        for c, y in ((outcome.c1, outcome.y1), (outcome.c2, outcome.y2))
    ]
    curves = [Line("random", "blind", ends), Line("oracle", "system", _oracle(outcome))]
    for number, item in enumerate(found):
        if _is_oracle(item) or item.policy.startswith(("force", "random")):
            continue
        kind = f"policy{number % 4}"
        if item.curve:
            curves.append(
                Line(item.policy, kind, [(point.cost, 100 * point.accuracy) for point in item.curve])
            )
        else:
            place = (item.cost.value or 0.0, 100 * (item.accuracy.value or 0.0))
            curves.append(Line(item.policy, kind, [place], dots=True))
    front = [item for item, held in zip(found, on_front(found), strict=True) if held]
    places = sorted((item.cost.value or 0.0, 100 * (item.accuracy.value or 0.0)) for item in front)
    return [*curves, Line("Pareto front", "front", places)]


def misroute_bars(found: Sequence[Replayed]) -> list[Bar]:
    """What each policy made of the questions: well sent, missed, harmful, wasted."""
    bars = []
    for item in found:
        cells = item.cells
        bad = cells.missed + cells.harmful + cells.wasted
        pieces = [("well sent", "well", item.n - bad), ("missed", "missed", cells.missed)]
        pieces += [("harmful", "harmful", cells.harmful), ("wasted", "wasted", cells.wasted)]
        bars.append(Bar(item.policy, pieces))
    return bars


def _oracle(outcome: Outcome) -> list[tuple[float, float]]:
    points = set()
    for price in _PRICES:
        chosen = Choices(chosen_at(outcome, price), None)
        cost, accuracy = cost_of(outcome, chosen).mean(), right(outcome, chosen.s2).mean()
        points.add((float(cost), 100 * float(accuracy)))
    return sorted(points)


def _is_oracle(item: Replayed) -> bool:
    return item.policy.startswith("oracle")


def _beats(other: tuple[float, float], point: tuple[float, float]) -> bool:
    cheaper, better = other[0] < point[0] - _SAME, other[1] > point[1] + _SAME
    return (cheaper and other[1] >= point[1] - _SAME) or (better and other[0] <= point[0] + _SAME)


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

"""What a replayed policy scores: every metric with its interval by video, null where it is undefined.

Sums by video are made once and drawn together, so that all intervals of a policy come from the same draws. Areas under
curves are drawn on `_BINS` groups of equal score: their value is exact, their interval nearly so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.routing.metrics import (
    LAMBDAS,
    Cells,
    Curve,
    Outcome,
    aiq,
    apgr,
    area,
    auroc,
    cells,
    cost_of,
    cpt,
    curve,
    oracle_accuracy,
    regrets,
    right,
    zero_aiq,
)
from bench.routing.paired import Paired
from bench.routing.replay import Replay
from bench.scoring.measures import Array, Places
from bench.scoring.scores import Value
from bench.scoring.stats import Drawn, Estimate, drawn, interval

__all__ = ["Point", "Replayed", "results"]

_POINTS = 101
_BINS = 64
_CURVE_DRAWS = 400
_TINY = 1e-12


class Point(Value):
    """One threshold of a curve."""

    threshold: float | None
    """Null: nothing goes to S2."""
    rho: float
    accuracy: float
    cost: float


class Replayed(Value):
    """A policy on a table; shares from 0 to 1, costs in `unit` a question."""

    policy: str
    unit: str
    n: int
    videos: int
    rho: Estimate
    """Share of questions whose answer comes from S2."""
    accuracy: Estimate
    cost: Estimate
    cost_share: Estimate
    """Of the cost of sending everything to S2."""
    s1: Estimate
    """Accuracy of S1 alone."""
    s2: Estimate
    over_s1: Estimate
    over_s2: Estimate
    lift: Estimate
    """Accuracy over random routing at equal ρ."""
    oracle: float
    """Accuracy of the oracle at equal ρ."""
    gap_closed: Estimate
    """Lift over the oracle's lift at equal ρ; null where the oracle has none."""
    pgr: float | None
    """Recovered gap (Acc − Acc₁)/(Acc₂ − Acc₁); null when Acc₂ ≤ Acc₁."""
    regret: dict[str, Estimate | None]
    """By λ."""
    cells: Cells
    auroc: float | None = None
    auc: float | None = None
    """∫₀¹ Acc dρ over all thresholds; null for a policy that doesn't weigh, like all that follow."""
    apgr: Estimate | None = None
    cpt50: float | None = None
    cpt80: float | None = None
    aiq: float | None = None
    aiq_zero: float | None = None
    router_s: float
    """Mean seconds of a decision."""
    fallbacks: int
    mixed: int
    """Questions that were told answers of the other path: see `dsb route rerun`."""
    curve: tuple[Point, ...] = ()


def results(table: Paired, replayed: Replay) -> Replayed:
    """Score a policy; pure arithmetic."""
    outcome, chosen = table.outcome, replayed.chosen
    sums = _Sums(outcome, replayed, table.seed)
    points = None
    if chosen.score is not None:
        points = curve(outcome, chosen.score, staged=chosen.staged, router_cost=chosen.router_cost)
    rho = float(chosen.s2.mean())
    gap = float(outcome.y2.mean() - outcome.y1.mean())
    estimates: dict[str, Any] = sums.estimates()
    return Replayed(
        policy=replayed.policy,
        unit=table.unit,
        n=len(outcome.y1),
        videos=sums.drawn.clusters,
        **estimates,
        oracle=round(oracle_accuracy(outcome, rho), 6),
        pgr=_digits(float(sums.accuracy - outcome.y1.mean()) / gap) if gap > _TINY else None,
        regret={f"{price:g}": _regret(outcome, replayed, price, table.seed) for price in LAMBDAS},
        cells=cells(outcome, chosen.s2),
        auroc=_digits(auroc(outcome, chosen.score)) if chosen.score is not None else None,
        router_s=round(replayed.router_s, 6),
        fallbacks=replayed.fallbacks,
        mixed=replayed.mixed,
        **(_of_curve(outcome, points, table.seed, chosen.score) if points is not None else {}),
    )


class _Sums:
    """Column sums, whole and drawn, and the scores made of them."""

    _COLUMNS = ("n", "s2", "y", "y1", "y2", "cost", "c2", "helped")

    def __init__(self, outcome: Outcome, replayed: Replay, seed: int) -> None:
        chosen = replayed.chosen
        made = right(outcome, chosen.s2)
        columns = (
            np.ones_like(made),
            chosen.s2.astype(np.float64),
            made,
            outcome.y1,
            outcome.y2,
            cost_of(outcome, chosen),
            outcome.c2,
            (outcome.y2 > outcome.y1).astype(np.float64),
        )
        self.accuracy = float(made.mean())
        self._n = len(made)
        self.drawn: Drawn = drawn(np.stack(columns, axis=1), outcome.clusters, seed=seed)

    def estimates(self) -> dict[str, Estimate]:
        """By field of `Replayed`."""
        scores: dict[str, Callable[[dict[str, Array]], Array]] = {
            "rho": lambda c: c["s2"] / c["n"],
            "accuracy": lambda c: c["y"] / c["n"],
            "cost": lambda c: c["cost"] / c["n"],
            "cost_share": lambda c: _divided(c["cost"], c["c2"]),
            "s1": lambda c: c["y1"] / c["n"],
            "s2": lambda c: c["y2"] / c["n"],
            "over_s1": lambda c: (c["y"] - c["y1"]) / c["n"],
            "over_s2": lambda c: (c["y"] - c["y2"]) / c["n"],
            "lift": lambda c: (c["y"] - _random(c)) / c["n"],
            "gap_closed": _gap_closed,
        }
        return {name: self._estimate(score) for name, score in scores.items()}

    def _estimate(self, score: Callable[[dict[str, Array]], Array]) -> Estimate:
        value = score(self._named(self.drawn.totals))
        draws = None if self.drawn.draws is None else score(self._named(self.drawn.draws))
        return interval(self._n, value, draws, self.drawn.clusters)

    def _named(self, totals: Array) -> dict[str, Array]:
        return {name: totals[..., place] for place, name in enumerate(self._COLUMNS)}


def _random(c: dict[str, Array]) -> Array:
    """Right answers of who sends as many questions to S2, at random."""
    rho = c["s2"] / c["n"]
    return (1 - rho) * c["y1"] + rho * c["y2"]


def _gap_closed(c: dict[str, Array]) -> Array:
    at_random = _random(c)
    best = c["y1"] + np.minimum(c["s2"], c["helped"])
    return _divided(c["y"] - at_random, best - at_random)


def _divided(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 1e-9, above / below, np.nan)


def _regret(outcome: Outcome, replayed: Replay, price: float, seed: int) -> Estimate | None:
    found = regrets(outcome, replayed.chosen, price)
    if found is None:
        return None
    sums = drawn(np.stack([found, np.ones_like(found)], axis=1), outcome.clusters, seed=seed)
    draws = None if sums.draws is None else sums.draws[:, 0] / sums.draws[:, 1]
    return interval(len(found), sums.totals[0] / sums.totals[1], draws, sums.clusters)


def _of_curve(outcome: Outcome, points: Curve, seed: int, score: Array | None) -> dict[str, Any]:
    value = apgr(points)
    low_high = None if score is None else _drawn_apgr(outcome, score, seed)
    videos = len(np.unique(outcome.clusters))
    at = np.full((), np.nan) if value is None else np.array(value)
    return {
        "auc": _digits(area(points)),
        "apgr": interval(len(outcome.y1), at, low_high, videos),
        "cpt50": _digits(cpt(points, 0.5)),
        "cpt80": _digits(cpt(points, 0.8)),
        "aiq": _digits(aiq(points.cost, points.accuracy)),
        "aiq_zero": _digits(zero_aiq(outcome)),
        "curve": tuple(_thin(points)),
    }


def _drawn_apgr(outcome: Outcome, score: Array, seed: int) -> Array | None:
    """APGR of drawn videos; NaN where the drawn S2 is no better than the drawn S1."""
    order = np.argsort(-score, kind="stable")
    place = np.empty(len(score), np.int64)
    place[order] = np.arange(len(score)) * _BINS // len(score)
    known, videos = np.unique(outcome.clusters, return_inverse=True)

    def by_video(values: Array | None, width: int, column: Places | int) -> Array:
        at = videos * width + column
        return np.bincount(at, values, len(known) * width).reshape(len(known), width).astype(np.float64)

    columns = (
        by_video(None, _BINS, place),
        by_video(outcome.y2 - outcome.y1, _BINS, place),
        by_video(outcome.y1, 1, 0),
    )
    sums = drawn(np.concatenate(columns, axis=1), np.arange(len(known)), seed=seed, draws=_CURVE_DRAWS)
    if sums.draws is None:
        return None
    count, gain, first = sums.draws[:, :_BINS], sums.draws[:, _BINS:-1], sums.draws[:, -1:]
    n = count.sum(axis=1, keepdims=True)
    rho = np.concatenate([np.zeros_like(n), np.cumsum(count, axis=1)], axis=1) / n
    accuracy = np.concatenate([first, first + np.cumsum(gain, axis=1)], axis=1) / n
    spread = accuracy[:, -1] - accuracy[:, 0]
    return _divided(np.trapezoid(accuracy, rho, axis=1) - accuracy[:, 0], spread)


def _thin(points: Curve) -> list[Point]:
    """At most `_POINTS` of the points, both ends among them."""
    last = len(points.rho) - 1
    kept = np.unique(np.linspace(0, last, min(last + 1, _POINTS)).round().astype(np.int64))
    return [
        Point(
            threshold=None if np.isinf(points.threshold[at]) else round(float(points.threshold[at]), 6),
            rho=round(float(points.rho[at]), 6),
            accuracy=round(float(points.accuracy[at]), 6),
            cost=round(float(points.cost[at]), 9),
        )
        for at in kept
    ]


def _digits(value: float | None) -> float | None:
    return None if value is None else round(value, 6) + 0.0

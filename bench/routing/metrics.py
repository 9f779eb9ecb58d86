"""The arithmetic of routing: curves, areas, hulls, regret and cells, on plain arrays.

Every question has two outcomes, `y1` and `y2` (0 or 1), and two costs; a score says how much speaks for S2, and every
threshold on it is a point of the curve. What is undefined is null, never a number that looks like one.
Sources: Ong et al. 2024 (RouteLLM: PGR, APGR, CPT), Hu et al. 2024 (RouterBench: AIQ, zero router), Chen et al. 2023
(FrugalGPT: cascades). Formulas stand with the functions, and in docs/routing.md.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.scoring.measures import Array, Places

__all__ = [
    "LAMBDAS",
    "Cells",
    "Chosen",
    "Curve",
    "Outcome",
    "aiq",
    "apgr",
    "area",
    "auroc",
    "cells",
    "chosen_at",
    "cost_of",
    "cpt",
    "curve",
    "oracle_accuracy",
    "regrets",
    "right",
    "zero_aiq",
]

LAMBDAS = (0.0, 0.1, 0.2, 0.5)
"""Prices of S2's extra cost, in accuracy."""
_TINY = 1e-12

Bools = NDArray[np.bool_]


class Outcome(NamedTuple):
    """What both paths made of each question."""

    y1: Array
    """0 or 1: whether S1 was right."""
    y2: Array
    c1: Array
    """Cost of S1's answer, in any unit."""
    c2: Array
    clusters: Places
    """The video of each question."""


class Chosen(NamedTuple):
    """What a policy made of each question."""

    s2: Bools
    """Whether S2's answer counts."""
    score: Array | None
    """How much speaks for S2; null when the policy doesn't weigh."""
    paid_first: Bools | None = None
    """Where S1 is paid though S2's answer counts; null: nowhere."""
    staged: bool = False
    """S1 answers first wherever S2 is asked, at any threshold: a cascade."""
    router_cost: float = 0.0
    """Mean cost of deciding one question, in the unit of the outcome's costs."""


class Curve(NamedTuple):
    """One point a threshold, from nothing to everything on S2; questions of equal score move together."""

    threshold: Array
    """S2 from this score on; infinity at first."""
    rho: Array
    """Share of questions sent to S2."""
    accuracy: Array
    cost: Array
    """Mean a question."""


def right(outcome: Outcome, s2: Bools) -> Array:
    """Whether the answer that counts is right, 0 or 1."""
    return np.where(s2, outcome.y2, outcome.y1)


def cost_of(outcome: Outcome, chosen: Chosen) -> Array:
    """What each question costs; a cascade pays c₁ + c₂, and the router's own cost is part of it."""
    first = outcome.c1 if chosen.staged else 0.0
    if chosen.paid_first is not None:
        first = np.where(chosen.paid_first, outcome.c1, 0.0)
    return np.where(chosen.s2, outcome.c2 + first, outcome.c1) + chosen.router_cost


def curve(outcome: Outcome, score: Array, *, staged: bool = False, router_cost: float = 0.0) -> Curve:
    """The points of all thresholds, ties together, ρ ascending from 0 to 1; `score` has no NaN."""
    n = len(score)
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), n - 1)
    step = outcome.c2 if staged else outcome.c2 - outcome.c1

    def summed(values: Array, start: float) -> Array:
        return np.concatenate([[start], start + np.cumsum(values[order])[ends]]) / n

    return Curve(
        np.concatenate([[np.inf], ranked[ends]]),
        np.concatenate([[0.0], (ends + 1) / n]),
        summed(outcome.y2 - outcome.y1, float(outcome.y1.sum())),
        summed(step, float(outcome.c1.sum())) + router_cost,
    )


def area(points: Curve) -> float:
    """∫₀¹ Acc dρ by the trapezoid rule; the curve has both anchors."""
    return float(np.trapezoid(points.accuracy, points.rho))


def apgr(points: Curve) -> float | None:
    """APGR = (∫₀¹ Acc dρ − Acc₁)/(Acc₂ − Acc₁); null when Acc₂ ≤ Acc₁: there is no gap to recover."""
    first, last = float(points.accuracy[0]), float(points.accuracy[-1])
    return None if last <= first + _TINY else (area(points) - first) / (last - first)


def cpt(points: Curve, share: float) -> float | None:
    """CPT(x): the smallest ρ at which the share x of the gap is recovered, linear up to the first crossing.

    Null when Acc₂ ≤ Acc₁.
    """
    first, last = float(points.accuracy[0]), float(points.accuracy[-1])
    if last <= first + _TINY:
        return None
    wanted = first + share * (last - first)
    place = int(np.argmax(points.accuracy >= wanted - _TINY))
    if place == 0:
        return 0.0
    low, high = float(points.accuracy[place - 1]), float(points.accuracy[place])
    begin, end = float(points.rho[place - 1]), float(points.rho[place])
    return begin + (end - begin) * min(1.0, (wanted - low) / (high - low))


def aiq(cost: Array, accuracy: Array) -> float | None:
    """AIQ = area under the non-decreasing upper hull of (cost, quality) ÷ (c_max − c_min).

    Null when all cost the same.
    """
    order = np.lexsort((-accuracy, cost))
    cost, accuracy = cost[order], accuracy[order]
    if cost[-1] - cost[0] <= _TINY:
        return None
    hull: list[tuple[float, float]] = []
    # Only what is better than everything cheaper can be a corner.
    rising = np.flatnonzero(np.diff(np.maximum.accumulate(accuracy), prepend=-np.inf) > 0)
    for point in zip(cost[rising].tolist(), accuracy[rising].tolist(), strict=True):
        while len(hull) > 1 and _above(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    hull.append((float(cost[-1]), hull[-1][1]))
    xs, ys = np.array(hull).T
    return float(np.trapezoid(ys, xs) / (cost[-1] - cost[0]))


def zero_aiq(outcome: Outcome) -> float | None:
    """AIQ of the zero router: S1 alone, S2 alone, and the line between them."""
    points = outcome.c1.mean(), outcome.c2.mean()
    return aiq(np.array(points), np.array([outcome.y1.mean(), outcome.y2.mean()]))


def oracle_accuracy(outcome: Outcome, rho: float) -> float:
    """Accuracy of who sends at most ρ of the questions to S2, those first that only S2 has right."""
    helped = float((outcome.y2 > outcome.y1).mean())
    return float(outcome.y1.mean()) + min(rho, helped)


def regrets(outcome: Outcome, chosen: Chosen, price: float) -> Array | None:
    """Of each question: max_s U_s − U_r, with U_s = y_s − λ(c_s − c̄₁)/(c̄₂ − c̄₁).

    Null for λ > 0 when S2 costs no more than S1 on average: there is no scale.
    """
    spread = float(outcome.c2.mean() - outcome.c1.mean())
    if price and spread <= _TINY:
        return None

    def utility(quality: Array, cost: Array) -> Array:
        return quality - price * (cost - outcome.c1.mean()) / spread if price else quality

    best = np.maximum(utility(outcome.y1, outcome.c1), utility(outcome.y2, outcome.c2))
    return best - utility(right(outcome, chosen.s2), cost_of(outcome, chosen))


def chosen_at(outcome: Outcome, price: float) -> Bools:
    """What the oracle does at a price: S2 where its utility is higher; ties go to S1."""
    spread = float(outcome.c2.mean() - outcome.c1.mean())
    extra = price * (outcome.c2 - outcome.c1) / spread if price and spread > _TINY else 0.0
    return np.asarray(outcome.y2 - outcome.y1 - extra > _TINY)


def auroc(outcome: Outcome, score: Array) -> float | None:
    """How often the score of a question that only S2 has right is above one that only S1 has right; ties half.

    Null when there are none of either kind.
    """
    positive, negative = outcome.y2 > outcome.y1, outcome.y1 > outcome.y2
    pairs = int(positive.sum()) * int(negative.sum())
    if not pairs:
        return None
    _, places, counts = np.unique(score[positive | negative], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    wins = ranks[positive[positive | negative]].sum() - positive.sum() * (positive.sum() + 1) / 2
    return float(wins / pairs)


class Cells(NamedTuple):
    """Counts of questions: what was possible, and what the policy did with it."""

    both_right: int
    s1_only: int
    s2_only: int
    both_wrong: int
    missed: int
    """Only S2 is right, and S1 was asked."""
    harmful: int
    """Only S1 is right, and S2's answer counts."""
    wasted: int
    """Both are right or both wrong, and S2 was asked."""


def cells(outcome: Outcome, s2: Bools) -> Cells:
    """The misroute cells of a decision."""
    one, two = outcome.y1 > 0.5, outcome.y2 > 0.5
    counts = (one & two, one & ~two, two & ~one, ~one & ~two)
    errors = (two & ~one & ~s2, one & ~two & s2, (one == two) & s2)
    return Cells(*(int(mask.sum()) for mask in (*counts, *errors)))


def _above(first: tuple[float, float], second: tuple[float, float], third: tuple[float, float]) -> bool:
    """Whether `third` makes `second` no corner of the upper hull."""
    rise = (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])
    return rise >= 0

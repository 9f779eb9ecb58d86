"""Worked by hand: every routing metric on cases small enough for a sheet of paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.routing.metrics import (
    Chosen,
    Outcome,
    aiq,
    apgr,
    area,
    auroc,
    cells,
    chosen_at,
    cost_of,
    cpt,
    curve,
    oracle_accuracy,
    regrets,
    right,
    zero_aiq,
)

# Twelve questions: score, S1 right, S2 right. S1 has 6 right, S2 8; both 4, S1 alone 2, S2 alone 4, neither 2.
SHEET = [
    (0.95, 0, 1),
    (0.90, 0, 1),
    (0.80, 1, 1),
    (0.75, 0, 0),
    (0.70, 0, 1),
    (0.60, 1, 0),
    (0.50, 1, 1),
    (0.40, 0, 1),
    (0.30, 1, 1),
    (0.20, 1, 0),
    (0.10, 1, 1),
    (0.05, 0, 0),
]


def outcome(y1: list[int], y2: list[int], c1: float = 1.0, c2: float = 5.0) -> Outcome:
    n = len(y1)
    columns = (np.array(y1, np.float64), np.array(y2, np.float64), np.full(n, c1), np.full(n, c2))
    return Outcome(*columns, np.arange(n))


SCORE = np.array([row[0] for row in SHEET])
TABLE = outcome([row[1] for row in SHEET], [row[2] for row in SHEET])
CURVE = curve(TABLE, SCORE)
RIGHT = [6, 7, 8, 8, 8, 9, 8, 8, 9, 9, 8, 8, 8]
"""Right answers after 0, 1, … 12 questions were sent to S2: up to 9 with 5, down again, 9 with 8 and 9, then 8."""


def test_the_curve_has_a_point_a_threshold_and_need_not_rise() -> None:
    assert CURVE.rho.tolist() == pytest.approx([k / 12 for k in range(13)])
    assert (CURVE.accuracy * 12).tolist() == pytest.approx(RIGHT)
    assert CURVE.cost.tolist() == pytest.approx([1 + 4 * k / 12 for k in range(13)])
    assert CURVE.threshold[0] == math.inf
    assert CURVE.threshold[1:].tolist() == sorted(SCORE.tolist(), reverse=True)


def test_apgr_is_the_area_between_the_anchors_by_the_trapezoid_rule() -> None:
    # (6 + 8)/2 + the 11 points between = 7 + 90 = 97, of 12 steps of 1/12, of 12 questions.
    assert area(CURVE) == pytest.approx(97 / 144)
    assert apgr(CURVE) == pytest.approx((97 / 144 - 6 / 12) / (2 / 12))


def test_cpt_is_the_first_crossing_of_a_curve_that_crosses_several_times() -> None:
    assert cpt(CURVE, 0.5) == pytest.approx(1 / 12)  # 7 right with one question
    assert cpt(CURVE, 0.8) == pytest.approx(1.6 / 12)  # 7.6 right, between one and two
    assert cpt(CURVE, 0.0) == 0.0


def test_where_s2_is_no_better_there_is_no_gap_to_recover() -> None:
    for y2 in ([1, 0, 0], [1, 1, 0], [0, 0, 0]):
        points = curve(outcome([1, 1, 0], y2), np.array([0.9, 0.5, 0.1]))
        assert apgr(points) is None
        assert cpt(points, 0.5) is None
        assert area(points) > 0


def test_questions_of_equal_score_move_together() -> None:
    points = curve(outcome([0, 0, 1, 1], [1, 1, 1, 0]), np.array([0.5, 0.5, 0.5, 0.1]))
    assert points.rho.tolist() == [0.0, 0.75, 1.0]
    assert points.accuracy.tolist() == [0.5, 1.0, 0.75]
    # trapezia: .75 · (.5 + 1)/2 + .25 · (1 + .75)/2 = .78125
    assert area(points) == pytest.approx(0.78125)
    assert apgr(points) == pytest.approx((0.78125 - 0.5) / 0.25)


def test_one_score_for_all_is_the_random_line() -> None:
    points = curve(TABLE, np.full(12, 0.3))
    assert apgr(points) == pytest.approx(0.5)
    assert cpt(points, 0.8) == pytest.approx(0.8)


def test_aiq_is_the_area_under_the_hull_that_never_falls() -> None:
    # Cost rises by 1/3 a question. Corners at 0, 2 and 5 questions (6, 8 and 9 right), then flat up to 12:
    # 2 · 7 + 3 · 8.5 + 7 · 9 = 102.5 of 12 steps.
    assert aiq(CURVE.cost, CURVE.accuracy) == pytest.approx(102.5 / 144)
    assert zero_aiq(TABLE) == pytest.approx(7 / 12)


def test_a_hull_ignores_what_is_dearer_and_worse() -> None:
    cost, accuracy = np.array([1.0, 2.0, 3.0, 3.0]), np.array([0.5, 0.4, 0.6, 0.3])
    assert aiq(cost, accuracy) == pytest.approx(0.55)
    assert aiq(np.array([1.0, 3.0]), np.array([0.6, 0.2])) == pytest.approx(0.6)
    assert aiq(np.array([1.0, 1.0]), np.array([0.5, 0.9])) is None


def test_a_cascade_pays_for_both() -> None:
    points = curve(TABLE, SCORE, staged=True, router_cost=0.5)
    assert points.cost[0] == pytest.approx(1.5)
    assert points.cost[-1] == pytest.approx(6.5)
    s2 = SCORE >= 0.55
    assert cost_of(TABLE, Chosen(s2, SCORE, staged=True)).sum() == pytest.approx(6 * 1 + 6 * 6)
    assert cost_of(TABLE, Chosen(s2, SCORE)).sum() == pytest.approx(6 * 1 + 6 * 5)
    some = np.arange(12) < 2
    assert cost_of(TABLE, Chosen(s2, SCORE, paid_first=some)).sum() == pytest.approx(6 * 1 + 6 * 5 + 2)


def test_the_oracle_sends_what_only_s2_has_right_and_may_stop_early() -> None:
    assert oracle_accuracy(TABLE, 0.0) == pytest.approx(6 / 12)
    assert oracle_accuracy(TABLE, 2 / 12) == pytest.approx(8 / 12)
    assert oracle_accuracy(TABLE, 1.0) == pytest.approx(10 / 12)
    s2 = chosen_at(TABLE, 0.0)
    assert s2.sum() == 4
    assert right(TABLE, s2).mean() == pytest.approx(10 / 12)
    assert chosen_at(TABLE, 1.0).sum() == 0  # a gain of 1 for a price of 1 is a tie, and ties go to S1


def test_regret_is_what_the_best_choice_would_have_been_worth() -> None:
    s2 = Chosen(SCORE >= 0.55, SCORE)  # misses one S2-only (.40), and asks S2 in vain for one S1-only (.60)
    free = regrets(TABLE, s2, 0.0)
    assert free is not None
    assert free.sum() == pytest.approx(2)
    priced = regrets(TABLE, s2, 0.2)
    assert priced is not None
    # missed: 1 − .2 = .8; harmful: 1 + .2; wasted (.80 and .75): .2 each
    assert priced.sum() == pytest.approx(0.8 + 1.2 + 0.4)
    assert priced.min() == 0


def test_without_a_difference_in_cost_a_price_has_no_scale() -> None:
    table = outcome([0, 1], [1, 0], c1=2.0, c2=2.0)
    chosen = Chosen(np.array([True, False]), None)
    assert regrets(table, chosen, 0.1) is None
    free = regrets(table, chosen, 0.0)
    assert free is not None
    assert free.sum() == 0


def test_misroute_cells() -> None:
    found = cells(TABLE, SCORE >= 0.55)
    assert found._asdict() == {
        "both_right": 4,
        "s1_only": 2,
        "s2_only": 4,
        "both_wrong": 2,
        "missed": 1,
        "harmful": 1,
        "wasted": 2,
    }


def test_an_empty_cell_is_zero_and_its_rates_are_null() -> None:
    alike = outcome([1, 0, 1], [1, 0, 1])
    assert cells(alike, np.array([True, False, False]))[1:3] == (0, 0)
    assert auroc(alike, np.array([0.1, 0.2, 0.3])) is None


def test_auroc_is_over_pairs_of_a_question_for_s2_and_one_for_s1() -> None:
    # .95 .90 .70 .40 against .60 .20: 2 + 2 + 2 + 1 of 8
    assert auroc(TABLE, SCORE) == pytest.approx(7 / 8)
    assert auroc(TABLE, np.full(12, 0.5)) == pytest.approx(0.5)

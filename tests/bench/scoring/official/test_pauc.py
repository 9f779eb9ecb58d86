from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from official_kit import SAID_NOTHING, emitted, make, reply_turn, said, score

from bench.scoring.official.pauc import OMEGAS, Point, kept, pauc
from bench.scoring.text import TextAsk

PROFILE = "proactivevideoqa@1"
SAMPLE = make(PROFILE, reply_turn(("It explodes. Smoke rises.", 10, 20, 18)))


class Covered:
    """2 when both facts were said so far, 1 for one of them."""

    name = "covered"

    def __init__(self) -> None:
        self.asks: list[TextAsk] = []

    def grades(self, asks: Sequence[TextAsk]) -> list[int]:
        self.asks += asks
        return [("explo" in ask.answer) + ("smoke" in ask.answer) for ask in asks]


@pytest.mark.parametrize(
    ("points", "by_omega"),
    [
        # silence: 0.5 / 2
        ([], (0.25, 0.25, 0.25)),
        # right at once: 2 over the whole span
        ([(10, 2)], (1.0, 1.0, 1.0)),
        # right in the middle: 5 s at 0.5 and 5 s at 2, over 20; at ω = 0.5 the step is at 2.5 s; at 1 at 0
        ([(15, 2)], (0.625, 0.8125, 1.0)),
        # right at the end
        ([(20, 2)], (0.25, 0.625, 1.0)),
        # wrong in the middle: silence was better
        ([(15, 0)], (0.125, 0.0625, 0.0)),
        # half at 12, all at 16: 2 · 0.5 + 4 · 1 + 4 · 2 = 13 of 20; with halved times 1 · 0.5 + 2 · 1 + 7 · 2
        ([(12, 1), (16, 2)], (0.65, 0.825, 1.0)),
    ],
)
def test_the_area_under_the_steps(points: list[tuple[float, int]], by_omega: tuple[float, ...]) -> None:
    held = [Point(*point) for point in points]
    assert tuple(pauc(held, 10, 20, omega) for omega in OMEGAS) == pytest.approx(by_omega)


def test_a_span_of_no_length_has_the_last_grade() -> None:
    assert [pauc([Point(5, y)], 5, 5, 0.5) for y in range(3)] == [0, 0.5, 1]


def test_late_replies_below_the_last_one_in_the_related_span_are_deleted() -> None:
    assert kept({12: 2, 19: 1}, 18) == [Point(12, 2)]
    assert kept({12: 1, 19: 1}, 18) == [Point(12, 1), Point(19, 1)]
    assert kept({12: 1, 17: 0, 19: 0}, 18) == [Point(12, 1), Point(17, 0), Point(19, 0)]
    assert kept({19: 0}, 18) == [Point(19, 0)]


def test_the_judge_sees_the_distinct_replies_so_far() -> None:
    matcher = Covered()
    case = emitted(SAMPLE, (12.0, "an explosion"), (13.0, "an explosion"), (16.0, "smoke"), (30.0, "late"))
    found = score(PROFILE, [case], text=matcher)
    assert [ask.answer for ask in matcher.asks] == ["an explosion", "an explosion smoke"]
    assert found.metrics == {"pauc@0": 0.65, "pauc@0.5": 0.825, "pauc@1": 1.0}
    assert (found.value, found.metric) == (0.825, "pauc@0.5")


def test_replies_out_of_the_span_cost_nothing() -> None:
    assert score(PROFILE, [emitted(SAMPLE, (2.0, "noise"))], text=Covered()).value == 0.25


@pytest.mark.parametrize("text", [None, "", "</Silence>", "</Standby>", "NO REPLY", SAID_NOTHING])
def test_silence_is_a_quarter(text: object) -> None:
    found = score(PROFILE, [said(SAMPLE, text)])
    assert (found.value, found.missing) == (0.25, int(text is SAID_NOTHING))


def test_the_mark_before_a_reply_is_no_part_of_it() -> None:
    matcher = Covered()
    score(PROFILE, [emitted(SAMPLE, (12.0, "</Response> smoke"))], text=matcher)
    assert matcher.asks[0].answer == "smoke"


def test_the_mean_is_over_gold_replies() -> None:
    sample = make(PROFILE, reply_turn(("smoke", 0, 10, 9), ("explosion", 20, 30, 29)))
    found = score(PROFILE, [emitted(sample, (20.0, "explosion and smoke"))], text=Covered())
    assert (found.counted, found.metrics["pauc@0"]) == (2, 0.625)


points = st.lists(
    st.builds(Point, st.floats(0, 10, allow_nan=False), st.integers(0, 2)),
    max_size=6,
    unique_by=lambda point: point.t,
)


@given(points, st.sampled_from(OMEGAS))
def test_pauc_is_a_fraction(held: list[Point], omega: float) -> None:
    assert -1e-9 <= pauc(held, 0, 10, omega) <= 1 + 1e-9


@given(points.filter(bool))
def test_with_omega_one_only_the_last_grade_counts(held: list[Point]) -> None:
    assert pauc(held, 0, 10, 1.0) == pytest.approx(max(held).y / 2)

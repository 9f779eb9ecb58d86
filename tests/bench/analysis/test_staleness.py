from __future__ import annotations

import math

import pytest
from timing_kit import BOTH, changing, seen

from bench.analysis import Answered, answered, revisions, staleness
from bench.analysis.revision import quality
from bench.analysis.staleness import deadline_area


def finals(*lines: object) -> list[Answered]:
    return answered([changing()], lines, BOTH)  # type: ignore[arg-type]


def test_an_answer_that_the_world_overtook_is_a_loss() -> None:
    [one] = staleness(finals(seen(raw="A", latency_s=3.0)), BOTH)
    assert (one.at_ask.value, one.at_emission.value, one.loss.value, one.luck.value) == (1.0, 0.0, 1.0, 0.0)


def test_a_wrong_answer_may_come_true() -> None:
    [one] = staleness(finals(seen(raw="B", latency_s=3.0)), BOTH)
    assert (one.at_ask.value, one.at_emission.value, one.loss.value, one.luck.value) == (0.0, 1.0, 0.0, 1.0)


def test_an_answer_behind_the_end_of_the_video_is_judged_by_what_held_there() -> None:
    [one] = staleness(finals(seen(raw="B", latency_s=99.0)), BOTH)
    assert one.at_emission.value == 1.0


def test_the_age_of_information_is_from_the_newest_frame_to_the_emission() -> None:
    [one] = staleness(finals(seen(latency_s=1.5, frames_ts=(8.0, 9.5))), BOTH)
    assert one.information_age.p50 == pytest.approx(2.0)


def test_live_answers_have_the_brokers_time() -> None:
    [one] = finals(seen(mode="live", t_emit=10.25, latency_s=7.0))
    assert one.latency_s == pytest.approx(0.25)


def test_right_within_a_deadline_wants_both() -> None:
    [one] = staleness(finals(seen(raw="A", latency_s=0.7)), BOTH)
    assert [one.within[d].value for d in ("0.2", "0.5", "1", "2")] == [0.0, 0.0, 1.0, 1.0]


def test_the_area_over_log_d_is_one_for_right_at_once_and_none_for_never() -> None:
    assert deadline_area([1.0] * 6) == 1.0
    assert deadline_area([0.0] * 6) == 0.0
    # Half of the step from 0.5 to 1 s, and all behind it.
    steps = (0.5 * math.log(2) + math.log(10)) / math.log(50)
    assert deadline_area([0.0, 0.0, 1.0, 1.0, 1.0, 1.0]) == pytest.approx(steps, abs=1e-6)
    assert deadline_area([None] * 6) is None


def test_a_failure_is_wrong_at_any_time() -> None:
    [one] = staleness(finals(seen(status="timeout", raw="")), BOTH)
    assert (one.n, one.at_ask.value, one.within["10"].value, one.latency.n) == (1, 0.0, 0.0, 0)


def test_quality_is_integrated_over_the_newest_answer_and_the_gold_of_each_instant() -> None:
    first, second = finals(seen(raw="A", latency_s=1.0), seen(raw="B", path="s2", latency_s=4.0))
    # A is said from 11 s on and right up to 12 s; B is said from 14 s on and right from 12 s.
    assert quality([first], BOTH, 10.0) == pytest.approx(0.1)
    assert quality([second], BOTH, 10.0) == pytest.approx(0.6)
    assert quality([first, second], BOTH, 10.0) == pytest.approx(0.7)


def test_a_revision_for_the_better_and_one_for_the_worse() -> None:
    [good] = revisions(finals(seen(raw="A", latency_s=1.0), seen(raw="B", path="s2", latency_s=4.0)), BOTH)
    assert (good.flips.value, good.helpful.value, good.harmful.value) == (1.0, 1.0, 0.0)
    assert good.gain.value == pytest.approx(0.6)
    [bad] = revisions(finals(seen(raw="A", latency_s=0.1), seen(raw="B", path="s2", latency_s=0.5)), BOTH)
    assert (bad.flips.value, bad.helpful.value, bad.harmful.value) == (1.0, 0.0, 1.0)


def test_the_same_answer_again_is_no_flip() -> None:
    [one] = revisions(finals(seen(latency_s=0.1), seen(path="s2", latency_s=0.5)), BOTH)
    assert (one.flips.value, one.harmful.value, one.helpful.value) == (0.0, 0.0, 0.0)


def test_what_s1_says_after_s2_does_not_count() -> None:
    [one] = revisions(finals(seen(raw="B", latency_s=1.0), seen(raw="A", path="s2", latency_s=0.5)), BOTH)
    assert one.revised.value == one.s2.value == pytest.approx(0.15)
    assert one.flips.value == 0.0

"""Scoring the tiny models: every part is asked, of those who look and of those who don't."""

from __future__ import annotations

import pytest

from bench.tiny.card import with_scores
from bench.tiny.evaluate import Scores, evaluate


@pytest.fixture(scope="module")
def scores() -> Scores:
    return evaluate(scenes=1, duration_s=40, per_part=1)


@pytest.mark.parametrize("part", ["realtime", "reasoning", "clue", "proactive", "sequential"])
@pytest.mark.parametrize("condition", ["s1", "s2", "text-s1", "text-s2"])
def test_each_part_is_asked_of_each_model_with_and_without_frames(
    scores: Scores, condition: str, part: str
) -> None:
    assert (condition, part) in scores.rows


def test_who_says_one_thing_only_is_right_in_half_of_the_states_at_most(scores: Scores) -> None:
    for condition in ("always", "never"):
        for before, asked_before, after, asked_after in scores.rows[condition, "clue"]:
            assert before <= asked_before
            assert after <= asked_after
    never = [row for row in scores.rows["never", "clue"] if row[3]]
    assert sum(row[2] for row in never) == 0


def test_one_timer_is_left(scores: Scores) -> None:
    assert len({condition for condition, _ in scores.rows if condition.startswith("timer")}) == 1


def test_a_card_holds_one_table_of_scores(scores: Scores) -> None:
    once = with_scores("# tiny\n", list(scores.lines()))
    assert with_scores(once, ["new"]).count("## Scores") == 1
    assert "s1-notes" in once
    assert "s1-notes" not in with_scores(once, ["new"])

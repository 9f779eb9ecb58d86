from __future__ import annotations

from typing import Any

import pytest
from official_kit import SAID_NOTHING, choice_turn, emitted, make, output_turn, said, score, value

from bench.scoring.official import Case, Prediction

REAL, PROACTIVE = "streamingbench.real@1", "streamingbench.proactive@1"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("C", 1),
        ("C. blue", 1),
        ("Cats", 1),
        ("(C)", 0),
        (" C", 0),
        ("The answer is C", 0),
        ("A, C", 0),
        ("c", 0),
        (["C"], 1),
        (["C. blue", "A"], 1),
        (3, 0),
        ({"answer": "C"}, 0),
        (True, 0),
    ],
)
def test_the_first_character_is_the_answer(text: Any, right: float) -> None:
    assert value(REAL, said(make(REAL, choice_turn("C")), text)) == right


@pytest.mark.parametrize("text", ["", None, [], [None], SAID_NOTHING])
def test_what_was_not_answered_leaves_the_denominator(text: Any) -> None:
    sample = make(REAL, choice_turn("C"))
    found = score(REAL, [said(sample, "C"), said(sample, "A"), said(sample, text)])
    assert (found.value, found.counted, found.n) == (0.5, 2, 3)


def test_missing_and_empty_are_told_apart() -> None:
    sample = make(REAL, choice_turn("C"))
    found = score(REAL, [said(sample, SAID_NOTHING), said(sample, None), said(sample, "")])
    assert (found.missing, found.empty, found.value) == (1, 2, None)


def test_a_fifth_option_can_be_right() -> None:
    assert value(REAL, said(make(REAL, choice_turn("E", count=5)), "E. black")) == 1


def test_a_section_is_over_questions_and_tasks_stand_beside_it() -> None:
    kinds = {"Counting": ("C", "C", "A"), "Causal": ("A",)}
    cases = [
        said(make(REAL, choice_turn("C"), task=task), text) for task, texts in kinds.items() for text in texts
    ]
    found = score(REAL, cases)
    assert found.value == 0.5
    assert {task: line.value for task, line in found.tasks.items()} == {"Causal": 0, "Counting": 0.666667}


@pytest.mark.parametrize(
    ("t", "right"), [(26.9, 0), (27.0, 1), (29.0, 1), (31.0, 1), (31.1, 0), (20.0, 0), (33.0, 0)]
)
def test_an_output_is_in_time_up_to_two_seconds_from_the_gold(t: float, right: float) -> None:
    assert value(PROACTIVE, emitted(make(PROACTIVE, output_turn()), (t, "3"))) == right


def test_only_the_first_output_counts() -> None:
    sample = make(PROACTIVE, output_turn())
    assert value(PROACTIVE, emitted(sample, (22.0, "3"), (29.0, "3"))) == 0
    assert value(PROACTIVE, emitted(sample, (29.0, "3"), (22.0, "3"))) == 0


def test_the_answer_is_right_when_the_gold_text_is_in_it() -> None:
    sample = make(PROACTIVE, output_turn())
    found = score(PROACTIVE, [emitted(sample, (29.0, "It is 3 now")), emitted(sample, (29.0, "It is 4 now"))])
    assert (found.value, found.metrics["answer_accuracy"]) == (1.0, 0.5)


def test_an_answer_out_of_time_is_not_right() -> None:
    found = score(PROACTIVE, [emitted(make(PROACTIVE, output_turn()), (22.0, "3"))])
    assert found.metrics["answer_accuracy"] == 0


def polls(*texts: str, follow: str | None = None) -> Case:
    """Polls from 21 s on, one a second; `follow` is what the last one led to."""
    held = [Prediction(text, probe=n) for n, text in enumerate(texts)]
    held += [Prediction(follow, probe=len(texts) - 1)] if follow is not None else []
    return Case(make(PROACTIVE, output_turn()), 0, 0, tuple(held))


def test_polls_are_read_by_their_index() -> None:
    assert value(PROACTIVE, polls(*["No"] * 7, "Yes.")) == 1  # the eighth poll is at 28 s
    assert value(PROACTIVE, polls(*["No"] * 4, "Yes.")) == 0


def test_after_a_yes_the_answer_itself_is_the_last_response() -> None:
    found = score(PROACTIVE, [polls(*["no"] * 8, "YES", follow="3")])
    assert (found.value, found.metrics["answer_accuracy"]) == (1.0, 1.0)


def test_who_never_says_yes_is_wrong_and_counts() -> None:
    sample = make(PROACTIVE, output_turn())
    found = score(PROACTIVE, [polls(*["no"] * 13), emitted(sample, (29.0, None)), said(sample, SAID_NOTHING)])
    assert (found.value, found.counted, found.missing) == (0.0, 3, 1)


def test_a_plain_no_is_no_output() -> None:
    assert value(PROACTIVE, emitted(make(PROACTIVE, output_turn()), (22.0, "No."), (29.0, "3"))) == 1


def test_an_alert_without_words_is_an_output() -> None:
    assert value(PROACTIVE, emitted(make(PROACTIVE, output_turn()), (29.0, ""))) == 1

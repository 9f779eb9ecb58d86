from __future__ import annotations

from typing import Any

import pytest
from official_kit import SAID_NOTHING, choice_turn, make, said, score

from bench.data.schema import Group
from bench.scoring.official import Case
from bench.scoring.official.rtv import extract

RTV = "rtv@1"


def asked(group: str, role: str, text: Any, *, task: str = "Event-IA") -> Case:
    """A question whose gold is B."""
    return said(make(RTV, choice_turn("B"), group=Group(id=group, role=role), task=task), text)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("(B) green", "B"),
        ("The answer is: B", "B"),
        ("A red one, so B", "A"),
        ("I think B", None),
        ("I choose option B", "B"),
        ("Answer - B, I think", "B"),
        ("It is a dog, answer B", "A"),
        ("Blue", "B"),
        ("X", None),
        ("E", None),
        ("", None),
    ],
)
def test_the_letter_is_read_as_the_official_extraction_reads_it(text: str, letter: str | None) -> None:
    assert extract(text, set("ABCD")) == letter


def test_q2_count_only_in_groups_whose_basics_are_all_right() -> None:
    found = score(
        RTV,
        [
            *(asked("g1", role, "B") for role in ("q0", "q1", "q2", "q2")),  # 2 of 2
            *(asked("g2", role, text) for role, text in (("q0", "A"), ("q1", "B"), ("q2", "B"))),  # 0 of 1
            *(asked("g3", role, text) for role, text in (("q0", "B"), ("q2", "B"), ("q2", "A"))),  # 1 of 2
        ],
    )
    assert found.metrics["score"] == 0.6
    assert found.value == 0.8


def test_a_level_that_is_absent_counts_as_right() -> None:
    assert score(RTV, [asked("g", "q2", "B")]).metrics["score"] == 1


def test_a_group_without_q2_is_in_no_score() -> None:
    assert score(RTV, [asked("g", "q0", "B")]).metrics["score"] is None


def test_a_question_without_a_prediction_counts_as_absent() -> None:
    found = score(RTV, [asked("g", "q0", SAID_NOTHING), asked("g", "q2", "B")])
    assert (found.metrics["score"], found.value, found.counted, found.missing) == (1, 1, 1, 1)


@pytest.mark.parametrize("text", ["", None, [], "no idea"])
def test_an_answer_that_can_not_be_read_is_wrong(text: Any) -> None:
    found = score(RTV, [asked("g", "q0", text), asked("g", "q2", "B")])
    assert (found.metrics["score"], found.value) == (0, 0.5)


def test_a_group_counts_for_the_type_of_its_first_q2() -> None:
    found = score(
        RTV,
        [
            asked("g", "q2", "B", task="Object-TP"),
            asked("g", "q2", "A", task="Event-IA"),
            asked("h", "q2", "A"),
        ],
    )
    assert (found.metrics["score.Object-TP"], found.metrics["score.Event-IA"]) == (0.5, 0)


def test_accuracy_stands_by_level_and_by_type() -> None:
    found = score(
        RTV, [asked("g", "q0", "B"), asked("g", "q1", "A", task="Object-TP"), asked("g", "q2", "B")]
    )
    assert [found.metrics[f"accuracy.q{n}"] for n in range(3)] == [1, 0, 1]
    assert found.tasks["Object-TP"].value == 0

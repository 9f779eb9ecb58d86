from __future__ import annotations

import math

import pytest
from official_kit import choice_turn, make, said, score, text_turn, value

from bench.scoring.official import mra, streaming_score
from bench.scoring.official.cgbench import clue_recovery
from shared.errors import ConfigError

CG, SV = "cg-bench@1", "svbench@1"


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        (10, 10, 1.0),
        (9, 10, 0.9),  # an error of .1 is allowed by nine of the ten thresholds
        (11, 10, 0.9),
        (8, 10, 0.7),
        (5, 10, 0.1),
        (4, 10, 0.0),
        (16, 10, 0.0),
        (1, 2, 0.1),
        (0, 3, 0.0),
        (0, 0, 1.0),
        (1, 0, 0.0),
        (None, 3, 0.0),
        (math.nan, 3, 0.0),
    ],
)
def test_mean_relative_accuracy(predicted: float | None, gold: float, expected: float) -> None:
    assert mra(predicted, gold) == pytest.approx(expected)


def test_streaming_score_of_a_published_row() -> None:
    row = {"max_fps": 8, "accuracy": 0.58, "ttft_s": 0.20, "memory_gb": 0.5, "params_b": 7}
    assert round(streaming_score(**row), 2) == 2.21


def test_streaming_score_is_undefined_up_to_a_billion() -> None:
    with pytest.raises(ConfigError, match="undefined up to 1 billion"):
        streaming_score(max_fps=8, accuracy=0.5, ttft_s=0.2, memory_gb=0.5, params_b=1)


def test_streaming_score_wants_accuracy_as_a_fraction() -> None:
    with pytest.raises(ConfigError, match="accuracy is a fraction"):
        streaming_score(max_fps=8, accuracy=58, ttft_s=0.2, memory_gb=0.5, params_b=7)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('```json\n{"result": "C"}\n```', 1),
        ("```json\n{result: C}\n```", 1),
        ('```json\n{"result": C}\n```', 1),
        ('```json\n{"result": "A"}\n``` or C', 0),
        ("The answer is C", 1),
        ("A or C", 1),
        ("Cats", 0),
        ("c", 0),
        ("", 0),
        (None, 0),
        (["C"], 1),
    ],
)
def test_a_choice_is_in_a_json_block_or_among_the_lone_letters(text: object, right: float) -> None:
    assert value(CG, said(make(CG, choice_turn("C")), text)) == right


@pytest.mark.parametrize(
    ("long", "clue", "expected"),
    [
        (0.3, 0.6, 0.5),
        (0.6, 0.3, 1.0),
        (0.0, 0.5, 0.0),
        (0.4, 0.0, None),
        (0.4, None, None),
        (None, 0.5, None),
    ],
)
def test_clue_recovery(long: float | None, clue: float | None, expected: float | None) -> None:
    assert clue_recovery(long, clue) == expected


def test_a_chain_of_text_has_the_mean_grade_of_its_turns() -> None:
    first = make(SV, text_turn("one"), text_turn("two"), name="a", task="dialogue")
    second = make(SV, text_turn("one"), name="b", task="streaming")
    found = score(SV, [said(first, "one"), said(first, None, turn=1), said(second, "one")])
    assert (found.value, found.metrics["turn_grade"]) == (0.75, 0.666667)
    assert found.tasks["dialogue"].value == 0.5

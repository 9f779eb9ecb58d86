from __future__ import annotations

import pytest

from bench.data.schema import AnswerForm, Gold
from bench.scoring.answers import parse_answer, right
from bench.scoring.ladder import Rung


def _right(said: str, form: AnswerForm, value: str | bool | int | None, text: str = "") -> bool:
    return right(parse_answer(said, form, ()), Gold(value=value, text=text), form)


@pytest.mark.parametrize(
    ("said", "gold", "expected"),
    [
        ("3", 3, True),
        ("There are three of them.", 3, True),
        ("3 or 4", 3, False),
        ("3.0", "3", True),
        ("none", 0, False),
    ],
)
def test_a_count_is_the_one_number_in_the_answer(said: str, gold: int, expected: bool) -> None:
    assert _right(said, AnswerForm.COUNT, gold) is expected


@pytest.mark.parametrize(
    ("said", "gold", "expected"),
    [
        ("Yes.", True, True),
        ("no", False, True),
        ("Yes, it is", "yes", True),
        ("yes and no", True, False),
        ("", True, False),
    ],
)
def test_yes_and_no_are_words_of_their_own(said: str, gold: bool | str, expected: bool) -> None:
    assert _right(said, AnswerForm.YES_NO, gold) is expected


def test_free_text_must_be_the_same_but_for_case_spaces_and_closing_marks() -> None:
    assert _right("  A red\n circle. ", AnswerForm.TEXT, None, "a red circle")
    assert not _right("a red circle, I think", AnswerForm.TEXT, None, "a red circle")


def test_an_unread_answer_is_wrong_and_says_why() -> None:
    assert parse_answer("3 or 4", AnswerForm.COUNT, ()).rung is Rung.AMBIGUOUS
    assert parse_answer("some", AnswerForm.COUNT, ()).rung is Rung.UNPARSED
    assert parse_answer(" ", AnswerForm.TEXT, ()).rung is Rung.EMPTY

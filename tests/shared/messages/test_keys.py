"""A question's key becomes a token of subjects: what would mean another subject is refused."""

from __future__ import annotations

import pytest
from bus_kit import question

from shared.errors import DataError
from shared.messages import Question, question_key


@pytest.mark.parametrize("key", ["", "a.b", "*", ">", "a b", "a\n", "k" * 65])
def test_a_key_that_is_no_token_is_refused(key: str) -> None:
    given = question("a_0_0").model_copy(update={"key": key})
    with pytest.raises(DataError, match=r"not a Question: .*key"):
        Question.from_bytes(given.to_bytes())


def test_the_key_of_any_sample_is_one() -> None:
    made = question("a_0_0", key=question_key("set/of #1. a b", 3, 2))
    assert Question.from_bytes(made.to_bytes()) == made

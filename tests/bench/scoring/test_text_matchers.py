from __future__ import annotations

import pytest

from bench.scoring.text import Embedding, Exact, Normalised, Scale, TextAsk, matches, plain, text_matcher
from shared.errors import ConfigError
from shared.memory import Encoder, load_encoder


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    return load_encoder()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The red car.", "red car"),
        ("  A   RED\ncar ", "red car"),
        ("It's a dog", "its dog"),
        ("ＡＢＣ", "abc"),
        ("T-shirt", "t shirt"),
        ("A", "a."),
        ("Müller!", "müller"),
    ],
)
def test_normalised_texts_are_equal_but_for_width_case_marks_and_articles(one: str, other: str) -> None:
    assert plain(one) == plain(other)


@pytest.mark.parametrize(
    ("one", "other"), [("1.5", "15"), ("-3", "3"), ("1:16", "116"), ("car", "cars"), ("C++", "C")]
)
def test_marks_that_carry_meaning_stay(one: str, other: str) -> None:
    assert plain(one) != plain(other)


def test_exact_wants_the_same_characters() -> None:
    assert matches(Exact(), "", "Red", " Red ")
    assert not matches(Exact(), "", "Red", "red")


def test_a_scale_of_more_than_two_grades_has_its_top_for_equal_texts() -> None:
    asks = [TextAsk("", "red", "Red", Scale.TEN), TextAsk("", "red", "blue", Scale.COVERED)]
    assert Normalised().grades(asks) == [10, 0]


def test_embeddings_see_through_other_words(minilm: Encoder) -> None:
    matcher = Embedding(minilm, threshold=0.7, partly=0.4)
    gold = "The man opens the door"
    grades = matcher.grades(
        [
            TextAsk("", gold, "A man is opening a door", Scale.COVERED),
            TextAsk("", gold, "Stock prices fell sharply", Scale.COVERED),
            TextAsk("", gold, " ", Scale.COVERED),
            TextAsk("", gold, gold, Scale.TEN),
        ]
    )
    assert grades == [2, 0, 0, 10]


def test_the_name_of_a_matcher_tells_its_thresholds(minilm: Encoder) -> None:
    assert Embedding(minilm, threshold=0.75).name == "embedding:minilm@0.75/0.5"


def test_thresholds_in_the_wrong_order_are_refused(minilm: Encoder) -> None:
    with pytest.raises(ConfigError, match="need 0 < partly"):
        Embedding(minilm, threshold=0.3, partly=0.5)


def test_an_unknown_matcher_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="choose exact, normalised, embedding, judge"):
        text_matcher("fuzzy")


def test_a_judge_without_settings_is_refused_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSB_JUDGE_MODEL", raising=False)
    with pytest.raises(ConfigError, match="DSB_JUDGE_MODEL"):
        text_matcher("judge")

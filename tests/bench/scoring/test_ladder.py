from __future__ import annotations

import string

import pytest
from bench_kit import OPTIONS, quick
from hypothesis import given
from hypothesis import strategies as st

from bench.scoring.ladder import Parsed, Rung, parse_choice
from shared.messages import Option


@pytest.mark.parametrize(
    ("said", "label", "rung"),
    [
        ("A", "A", Rung.LABEL),
        (" b. ", "B", Rung.LABEL),
        ("(C)", "C", Rung.LABEL),
        ("[D].", "D", Rung.LABEL),
        ("**B**", "B", Rung.LABEL),
        ("\uff22", "B", Rung.LABEL),
        ("The answer is B.", "B", Rung.EXPLICIT),
        ("answer: (c)", "C", Rung.EXPLICIT),
        ("I think option D fits", "D", Rung.EXPLICIT),
        ("The correct choice is **A** because it is red", "A", Rung.EXPLICIT),
        ("The answer is A. No, wait: the answer is C.", "C", Rung.EXPLICIT),
        (r"so \boxed{B}", "B", Rung.EXPLICIT),
        (r"so \boxed{\text{D}}", "D", Rung.EXPLICIT),
        ("B. green", "B", Rung.LEADING),
        ("(B) green, as I see it", "B", Rung.LEADING),
        ("C: blue", "C", Rung.LEADING),
        ("green", "B", Rung.TEXT),
        ("  White. ", "D", Rung.TEXT),
    ],
)
def test_a_clear_answer_is_read_on_the_first_rung_that_can(said: str, label: str, rung: Rung) -> None:
    assert parse_choice(said, OPTIONS) == Parsed(label, rung)


@pytest.mark.parametrize(
    ("said", "rung"),
    [
        ("", Rung.EMPTY),
        (" \n ", Rung.EMPTY),
        ("**", Rung.EMPTY),
        ("A, B", Rung.AMBIGUOUS),
        ("A and B", Rung.AMBIGUOUS),
        ("The answer is A or C", Rung.AMBIGUOUS),
        ("(A) (B)", Rung.AMBIGUOUS),
        ("A. red, or B. green", Rung.AMBIGUOUS),
        ("either B or C, hard to say", Rung.AMBIGUOUS),
        ("E", Rung.UNPARSED),
        ("The answer is a red circle", Rung.UNPARSED),
        ("The answer is not B", Rung.UNPARSED),
        ("it is not option B", Rung.UNPARSED),
        ("red or so", Rung.UNPARSED),
        ("I can't tell", Rung.UNPARSED),
        ("yes", Rung.UNPARSED),
    ],
)
def test_what_is_not_clear_is_never_guessed(said: str, rung: Rung) -> None:
    assert parse_choice(said, OPTIONS) == Parsed(None, rung)


def test_valid_labels_are_the_items_own() -> None:
    five = tuple(Option(key=str(n), text=f"{n} things") for n in range(1, 6))
    assert parse_choice("5", five).value == "5"
    assert parse_choice("The answer is 5", five).value == "5"
    assert parse_choice("B", five).rung is Rung.UNPARSED
    assert parse_choice("1.5", five).value is None


def test_two_options_with_one_text_are_ambiguous() -> None:
    twins = (Option(key="A", text="red"), Option(key="B", text="Red."))
    assert parse_choice("red", twins) == Parsed(None, Rung.AMBIGUOUS)


_labels = st.lists(st.sampled_from(string.ascii_uppercase[:7]), min_size=2, max_size=7, unique=True)


@quick
@given(_labels, st.data())
def test_every_way_to_name_one_label_names_that_label(labels: list[str], data: st.DataObject) -> None:
    options = tuple(Option(key=label, text=f"thing number {i}") for i, label in enumerate(labels))
    wanted = data.draw(st.sampled_from(options))
    form = data.draw(
        st.sampled_from(
            ["{k}", "({k})", "{k}.", "The answer is {k}.", "Option {k}", "{k}. {t}", "({k}) {t}", "{t}"]
        )
    )
    assert parse_choice(form.format(k=wanted.key, t=wanted.text), options).value == wanted.key


@quick
@given(st.text(max_size=80), _labels)
def test_whatever_is_said_gives_a_valid_label_or_none(said: str, labels: list[str]) -> None:
    options = tuple(Option(key=label, text=label * 2) for label in labels)
    parsed = parse_choice(said, options)
    assert parsed.value is None or parsed.value in labels
    assert (parsed.value is None) == (parsed.rung in (Rung.AMBIGUOUS, Rung.UNPARSED, Rung.EMPTY))


@quick
@given(st.text(max_size=40), st.lists(st.text(max_size=4), max_size=4, unique=True))
def test_odd_labels_and_odd_answers_never_raise(said: str, labels: list[str]) -> None:
    parse_choice(said, tuple(Option(key=label, text=label) for label in labels))

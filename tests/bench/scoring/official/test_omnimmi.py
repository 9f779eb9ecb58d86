from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from official_kit import SAID_NOTHING, alert_turn, emitted, make, options, said, score, text_turn, value

from bench.data.schema import AnswerForm, AnswerSpec, Gold, Turn
from bench.scoring.official import Case
from bench.scoring.official.omnimmi import Span, overlap
from bench.scoring.text import TextAsk

MD, AP, PA, PT = "omnimmi.md@1", "omnimmi.ap@1", "omnimmi.pa@1", "omnimmi.pt@1"


def chain(name: str, *texts: Any) -> list[Case]:
    """A chain whose right answers are `one`, `two`, …"""
    golds = ("one", "two", "three")[: len(texts)]
    sample = make(MD, *(text_turn(gold) for gold in golds), name=name)
    return [said(sample, text, turn=place) for place, text in enumerate(texts)]


def test_a_chain_is_exact_when_every_turn_is_right() -> None:
    cases = chain("a", "One.", "two", "three") + chain("b", "one", "no", "three") + chain("c", "no", "two")
    found = score(MD, cases)
    assert found.value == 0.333333
    assert found.metrics["turn_accuracy"] == 0.75


def test_a_prefix_counts_the_chains_that_reach_its_turn() -> None:
    cases = chain("a", "one", "two", "three") + chain("b", "one", "no", "three") + chain("c", "no", "two")
    found = score(MD, cases).metrics
    assert [found[f"prefix.{k}"] for k in range(3)] == [0.666667, 0.333333, 0.5]
    assert [found[f"turn.{k}"] for k in range(3)] == [0.666667, 0.666667, 1.0]


@pytest.mark.parametrize("text", [SAID_NOTHING, None, "", []])
def test_a_turn_that_was_not_answered_is_wrong_unasked(text: Any) -> None:
    class Watched:
        name = "watched"
        seen: list[TextAsk] = []  # noqa: RUF012

        def grades(self, asks: Sequence[TextAsk]) -> list[int]:
            self.seen += asks
            return [1 for _ in asks]

    matcher = Watched()
    found = score(MD, chain("a", "one", text), text=matcher)
    assert (found.value, found.metrics["turn_accuracy"]) == (0, 0.5)
    assert [ask.answer for ask in matcher.seen] == ["one"]


def test_free_text_is_right_when_the_matcher_says_so() -> None:
    sample = make("omnimmi.si@1", text_turn("Deb Fischer"))
    assert value("omnimmi.si@1", said(sample, "deb fischer!")) == 1
    assert value("omnimmi.si@1", said(sample, "Marie")) == 0


def test_a_label_alone_stands_for_the_text_of_its_option() -> None:
    answer = AnswerSpec(options=options(5), gold=(Gold(value="B", text="green"),))
    sample = make(AP, Turn(question="q", ask_s=1, answer=answer))
    assert [value(AP, said(sample, text)) for text in ("B", "(B)", "Green", "C")] == [1, 1, 1, 0]


def test_alerts_are_scored_by_the_first_by_their_share_and_by_their_extent() -> None:
    sample = make(PA, alert_turn(100, 120))
    found = score(PA, [emitted(sample, (100.0, "now"), (110.0, ""), (140.0, "now")), said(sample, None)])
    assert found.value == 0.5  # one of two questions
    assert found.metrics["precision"] == pytest.approx(2 / 3 / 2, abs=1e-6)
    assert found.metrics["iou"] == 0.25  # 20 of 40 s, and 0


def test_a_first_alert_before_the_span_is_no_hit() -> None:
    found = score(PA, [emitted(make(PA, alert_turn(100, 120)), (99.0, ""), (110.0, ""))])
    assert (found.value, found.metrics["precision"]) == (0, 0.5)


@pytest.mark.parametrize("text", [[104, 110], "104", 104.0, ["104"], {"t": 104}])
def test_alert_times_may_be_given_as_numbers(text: Any) -> None:
    assert value(PA, said(make(PA, alert_turn(100, 120)), text)) == (0 if isinstance(text, dict) else 1)


def test_spans_overlap_in_their_common_part_over_their_hull() -> None:
    assert overlap(Span(0, 10), Span(5, 15)) == pytest.approx(5 / 15)
    assert overlap(Span(0, 1), Span(9, 10)) == 0
    assert overlap(Span(3, 3), Span(3, 3)) == 1


@pytest.mark.parametrize(
    ("text", "right"), [("", 1), (None, 1), ("<2> ok", 1), ("Sure!", 0), (" ", 0), (SAID_NOTHING, 0)]
)
def test_turn_taking_is_right_when_silent(text: Any, right: float) -> None:
    turn = Turn(
        question="Oh well.", ask_s=0, answer=AnswerSpec(form=AnswerForm.SILENCE, gold=(Gold(value=""),))
    )
    assert value(PT, said(make(PT, turn), text)) == right

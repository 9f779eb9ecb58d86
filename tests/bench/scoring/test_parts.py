from __future__ import annotations

import pytest
from bench_kit import sample
from scoring_kit import RULES, items

from bench.data.schema import Gold, Part, Sample
from bench.scoring.base import Item, Said
from bench.scoring.realtime import Realtime
from bench.scoring.reasoning import EvidenceIn, Reasoning
from shared.messages import Status


def _item(made: Sample) -> Item:
    return items([made])[0]


def _changing(part: Part) -> Item:
    made = sample("a", part=part)
    gold = (Gold(from_s=10, to_s=12, value="A"), Gold(from_s=12, to_s=20, value="B"))
    answer = made.turns[0].answer.model_copy(update={"gold": gold})
    turn = made.turns[0].model_copy(update={"answer": answer})
    return _item(made.model_copy(update={"turns": (turn,)}))


def _judge(scorer: Realtime | Reasoning, item: Item, said: Said) -> tuple[bool, bool]:
    verdict = scorer.judge(item, said, RULES)
    return verdict.correct, verdict.correct_at_ask


def test_a_live_realtime_answer_is_judged_when_it_comes() -> None:
    item = _changing(Part.REALTIME)
    assert _judge(Realtime(), item, Said("A", t_emit=11.0)) == (True, True)
    assert _judge(Realtime(), item, Said("A", t_emit=12.5)) == (False, True)
    assert _judge(Realtime(), item, Said("B", t_emit=12.5)) == (True, False)
    assert _judge(Realtime(), item, Said("B", t_emit=30.0)) == (False, False)


def test_without_an_emission_time_the_ask_time_counts() -> None:
    assert _judge(Realtime(), _changing(Part.REALTIME), Said("A")) == (True, True)


def test_a_reasoning_answer_is_judged_by_the_ask_time_however_late_it_comes() -> None:
    assert _judge(Reasoning(), _changing(Part.REASONING), Said("A", t_emit=15.0)) == (True, True)


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.ERROR, Status.REFUSED])
def test_a_failure_is_wrong_whatever_it_said(status: Status) -> None:
    verdict = Realtime().judge(_item(sample("a")), Said("A", status=status), RULES)
    assert verdict == (None, None, False, False, (0.0, 1.0), (), None)


@pytest.mark.parametrize(
    ("span", "where"),
    [
        ((40, 47), EvidenceIn.S1_WINDOW),  # frames 46 to 50 are in S1's window at 50.5 s
        ((38, 45), EvidenceIn.S2_WINDOW),
        ((30, 31), EvidenceIn.S2_WINDOW),  # S2 sees 30, 35 … 50
        ((31, 35), EvidenceIn.MEMORY),  # it fell between two frames of S2
        ((20, 29), EvidenceIn.MEMORY),
        (None, EvidenceIn.UNKNOWN),
    ],
)
def test_evidence_is_where_a_frame_of_the_window_shows_it(
    span: tuple[float, float] | None, where: str
) -> None:
    item = _item(sample("a", part=Part.REASONING, ask_s=50.5, span=span))
    assert Reasoning().slice_of(item, RULES) == where

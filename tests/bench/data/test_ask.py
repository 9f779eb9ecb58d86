from __future__ import annotations

from typing import Any

import pytest
from bench_kit import OPTIONS, sample

from bench.data import AskRules, Sample, to_questions
from bench.data.ask import steps
from bench.data.schema import AnswerForm, AnswerSpec, Gold, Part, Source, Span, StreamEvent, Trigger
from shared.messages import Form, question_key

PLANTED = "GOLDEN-SECRET"


def test_gold_never_leaves_the_bench() -> None:
    plain = sample("a", part=Part.REASONING, span=(1, 2))
    turn = plain.turns[0]
    answer = turn.answer.model_copy(update={"gold": (Gold(value=PLANTED, text=PLANTED),)})
    turn = turn.model_copy(update={"answer": answer, "ability": PLANTED})
    source = Source(bench=PLANTED, native={"captions": PLANTED})
    planted = plain.model_copy(
        update={"turns": (turn,), "source": source, "task": PLANTED, "steps": (PLANTED,)}
    )
    assert PLANTED in planted.model_dump_json()
    for asked in to_questions(planted, "r_0_1"):
        assert PLANTED.encode() not in asked.question.to_bytes()
        assert b"reasoning" not in asked.question.to_bytes()


def test_each_turn_and_probe_is_a_question_with_a_key_of_its_own_in_order_of_time() -> None:
    plain = sample("a")
    probed = plain.turns[0].model_copy(update={"probe_s": (8.0, 3.0)})
    asked = to_questions(plain.model_copy(update={"turns": (probed, plain.turns[0])}), "r_0_1")
    assert [(a.turn, a.probe, a.ask_s) for a in asked] == [(0, 1, 3.0), (0, 0, 8.0), (1, 0, 10.5)]
    assert [a.key for a in asked] == [question_key("a", a.turn, a.probe) for a in asked]
    assert all(a.question.t_ask == a.ask_s and a.question.opening == "r_0_1" for a in asked)


def test_the_key_does_not_depend_on_the_opening() -> None:
    assert to_questions(sample("a"), "r_0_1")[0].key == to_questions(sample("a"), "r_0_2")[0].key


def with_turn(part: Part, **turn: Any) -> Sample:
    plain = sample("a", part=part)
    return plain.model_copy(update={"turns": (plain.turns[0].model_copy(update=turn),)})


@pytest.mark.parametrize("rules", [AskRules(), AskRules(proactive="poll", clue="dense")])
@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize("form", list(AnswerForm))
def test_every_part_and_form_is_asked_and_tells_no_gold(
    part: Part, form: AnswerForm, rules: AskRules
) -> None:
    gold = (Gold(from_s=12.0, value=PLANTED, text=PLANTED),)
    trigger = Trigger(gold_s=(77.7,), gold_spans=(Span(from_s=77.7, to_s=88.8),))
    answer = AnswerSpec(form=form, options=OPTIONS, gold=gold)
    asked = to_questions(with_turn(part, answer=answer, trigger=trigger), "r_0_1", rules)
    for item in asked:
        assert PLANTED.encode() not in item.question.to_bytes()
        assert not {77.7, 88.8} & set(steps(item))


def test_only_what_happened_by_the_ask_is_told_and_in_order() -> None:
    events = tuple(StreamEvent(t=t, kind="subtitle", content=f"at {t}") for t in (10.5, 2.0, 10.6))
    [asked] = to_questions(sample("a").model_copy(update={"events": events}), "r_0_1")
    assert [event.text for event in asked.question.events] == ["at 2.0", "at 10.5"]


def test_a_dense_clue_question_stands_up_to_the_horizon_and_a_probed_one_is_asked_at_each_probe() -> None:
    waiting = AnswerSpec(form=AnswerForm.SUFFICIENCY, options=OPTIONS)
    clue = with_turn(Part.CLUE, answer=waiting, ask_s=3.0, probe_s=(4.0, 9.0))
    probes = to_questions(clue, "r_0_1")
    assert [(item.probe, item.ask_s, item.question.standing) for item in probes] == [
        (0, 4.0, None),
        (1, 9.0, None),
    ]
    [dense] = to_questions(clue, "r_0_1", AskRules(clue="dense", horizon_s=10.0, tick_s=2.0))
    assert steps(dense) == (3.0, 5.0, 7.0, 9.0, 11.0, 13.0)
    assert (dense.question.form, dense.question.options) == (Form.SUFFICIENCY, OPTIONS)


def test_a_cut_clip_is_in_view_of_who_is_asked_but_a_system_that_watches_sees_all() -> None:
    trigger = Trigger(view_from=6.0)
    [asked] = to_questions(with_turn(Part.REALTIME, trigger=trigger), "r_0_1")
    [watching] = to_questions(with_turn(Part.PROACTIVE, trigger=trigger), "r_0_1")
    assert (asked.question.view_from, watching.question.view_from) == (6.0, 0.0)

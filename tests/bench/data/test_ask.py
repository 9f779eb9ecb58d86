from __future__ import annotations

from bench_kit import sample

from bench.data import to_questions
from bench.data.schema import Gold, Part, Source
from shared.messages import question_key

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

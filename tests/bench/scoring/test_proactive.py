from __future__ import annotations

from itertools import combinations, permutations

import pytest
from bench_kit import quick
from hypothesis import given
from hypothesis import strategies as st
from scoring_kit import book, items, judged, line, spoke, watch_sample

from bench.data.schema import AnswerForm, AnswerSpec, Gold, Sample, Span
from bench.scoring.base import Due, Emission, Said
from bench.scoring.matching import match, outcome
from bench.scoring.proactive import Proactive
from bench.scoring.scores import PartScores, Row


def _due(*times: float, slack: float = 2.0) -> list[Due]:
    return [Due(t, t - slack, t + slack) for t in times]


def _part(samples: list[Sample], said: dict[str, list[float]]) -> PartScores:
    lines = [entry for name, times in said.items() for entry in spoke(name, times)]
    part = judged(samples, lines).table.part("proactive")
    assert part is not None
    return part


def _row(samples: list[Sample], said: dict[str, list[float]]) -> Row:
    return _part(samples, said).rows[0]


def test_f1_is_pooled_over_all_questions() -> None:
    samples = [watch_sample("a", [10, 20], video="v0"), watch_sample("b", [30], video="v1")]
    row = _row(samples, {"a": [11, 40], "b": [29, 31]})
    # Hits 11 and 29; 40 and 31 are false; 20 is missed: 2·2 / (2·2 + 2 + 1).
    assert row.primary.name == "F1"
    assert row.primary.estimate.value == pytest.approx(4 / 7, abs=1e-6)
    values = {score.name: score.estimate.value for score in row.scores}
    assert values["precision"] == 0.5
    assert values["recall"] == pytest.approx(2 / 3, abs=1e-6)
    assert values["false alarms"] == pytest.approx(2 / (120 / 3600))


def test_one_emission_answers_one_event_and_one_event_one_emission() -> None:
    assert match([10.0], _due(9, 11)) == [(0, 0)]
    assert match([9.0, 10.0], _due(10)) == [(0, 0)]
    assert match([10.0, 12.0], _due(9, 11)) == [(0, 0), (1, 1)]


def test_the_tolerance_is_included_and_not_exceeded() -> None:
    assert match([8.0], _due(10)) == [(0, 0)]
    assert match([12.0], _due(10)) == [(0, 0)]
    assert match([7.999], _due(10)) == []
    assert match([12.001], _due(10)) == []


def test_what_misses_by_little_is_early_or_late_and_the_rest_missed_or_spurious() -> None:
    found = outcome([5.0, 26.0, 45.0], _due(10, 20, 70))
    assert found.early == [(0, 0)]
    assert found.late == [(1, 1)]
    assert found.spurious == [2]
    assert found.missed == [2]
    assert (found.false_positives, found.false_negatives) == (3, 3)


def test_delays_are_told_of_hits_only() -> None:
    row = _row([watch_sample("a", [10, 20, 30])], {"a": [11.0, 18.5, 36.0]})
    assert row.details["hits"] == 2
    assert row.details["late"] == 1
    assert (row.details["delay_p50_s"], row.details["delay_p90_s"]) == (-0.25, pytest.approx(0.75))


def test_events_before_the_ask_or_behind_the_horizon_are_not_due() -> None:
    (item,) = items([watch_sample("a", [5, 30, 80], ask_s=10, duration_s=200)])
    assert item.standing is not None
    assert item.standing.until == 70
    assert [due.at for due in item.standing.due] == [30]


def test_a_question_stands_until_the_next_one_of_its_video() -> None:
    samples = [watch_sample("a", [15, 40], ask_s=10), watch_sample("b", [45], ask_s=35)]
    first, second = (item.standing for item in items(samples))
    assert first is not None
    assert second is not None
    assert (first.until, second.until) == (35, 60)
    assert [due.at for due in first.due] == [15]


def test_spans_count_as_a_whole() -> None:
    sample = watch_sample("a", [], gold_spans=(Span(from_s=10, to_s=20),))
    assert _row([sample], {"a": [21.5]}).primary.estimate.value == 1.0
    assert _row([sample], {"a": [22.5]}).primary.estimate.value == 0.0


def test_silence_where_nothing_is_due_costs_nothing_and_speaking_does() -> None:
    samples = [watch_sample("a", [10], video="v0"), watch_sample("b", [], video="v1")]
    assert _row(samples, {"a": [10], "b": []}).primary.estimate.value == 1.0
    assert _row(samples, {"a": [10], "b": [40]}).primary.estimate.value == pytest.approx(2 / 3, abs=1e-6)


def test_where_nothing_is_due_and_nothing_said_there_is_no_f1() -> None:
    assert _row([watch_sample("a", [])], {"a": []}).primary.estimate.value is None


def test_who_must_not_speak_gives_a_false_alarm_when_he_does() -> None:
    plain = watch_sample("a", [])
    turn = plain.turns[0].model_copy(update={"trigger": None, "answer": AnswerSpec(form=AnswerForm.SILENCE)})
    sample = plain.model_copy(update={"turns": (turn,)})
    made = items([sample])
    quiet, loud = (book(made, [Said(raw)]) for raw in ("", "Sure!"))
    assert quiet.correct.tolist() == [True]
    assert loud.correct.tolist() == [False]
    assert loud.tallies[0, 1] == 1.0


def test_text_is_judged_where_something_ought_to_be_said() -> None:
    plain = watch_sample("a", [10, 30], form=AnswerForm.EMIT)
    answer = AnswerSpec(
        form=AnswerForm.EMIT, gold=(Gold(to_s=20, text="Goal!"), Gold(from_s=20, text="Foul!"))
    )
    turn = plain.turns[0].model_copy(update={"answer": answer})
    (item,) = items([plain.model_copy(update={"turns": (turn,)})])
    said = Said("", emissions=(Emission(10.0, "goal"), Emission(31.0, "goal")))
    assert Proactive().details(book([item], [said]))["text_right"] == 0.5


def test_a_final_alone_is_silence_and_without_a_final_the_answer_is_missing() -> None:
    sample = watch_sample("a", [10])
    silent = judged([sample], [line("a")]).table
    assert silent.complete
    assert silent.parts[0].rows[0].primary.estimate.value == 0.0
    assert judged([sample], spoke("a", [10])[:1]).table.missing == 1


def test_what_was_said_before_a_failure_stands() -> None:
    sample = watch_sample("a", [10, 30])
    said = [*spoke("a", [10])[:1], line("a", status="error")]
    row = judged([sample], said).table.parts[0].rows[0]
    assert row.error == 1
    assert row.primary.estimate.value == pytest.approx(2 / 3, abs=1e-6)


def test_never_scores_nothing_and_always_is_drowned_in_false_alarms() -> None:
    part = _part([watch_sample(f"s{v}", [10.5 + v], video=f"v{v}") for v in range(4)], {})
    blind = {baseline.name: baseline for baseline in part.baselines}
    assert blind["never"].primary.estimate.value == 0.0
    # 61 ticks from 0 to 60, of which one is a hit: 2 / (2 + 60).
    assert blind["always"].primary.estimate.value == pytest.approx(2 / 62, abs=1e-6)


def test_the_timer_learns_a_habit_of_other_videos() -> None:
    same = [watch_sample(f"s{v}", [7.0 + v], ask_s=float(v), video=f"v{v}") for v in range(6)]
    timer = _part(same, {}).baseline("timer-k")
    assert timer is not None
    assert timer.primary.estimate.value == 1.0
    alone = _part([watch_sample("a", [20.0])], {}).baseline("timer-k")
    assert alone is not None
    assert alone.primary.estimate.value == 0.0


def _best(times: list[float], due: list[Due]) -> int:
    """The most pairs that any assignment has, by trying them all."""
    for size in range(min(len(times), len(due)), 0, -1):
        for some in combinations(range(len(due)), size):
            for order in permutations(range(len(times)), size):
                if all(due[d].low <= times[t] <= due[d].high for d, t in zip(some, order, strict=True)):
                    return size
    return 0


@quick
@given(
    st.lists(st.integers(0, 20), max_size=5),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.integers(0, 3)), max_size=5),
)
def test_no_other_pairing_has_more_hits(times: list[int], events: list[tuple[int, int, int]]) -> None:
    due = [Due(t, t - before, t + after) for t, before, after in events]
    spoken = sorted(float(t) for t in times)
    pairs = match(spoken, due)
    assert len(pairs) == _best(spoken, due)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


@quick
@given(
    st.lists(st.lists(st.floats(0, 60), max_size=4), min_size=1, max_size=5),
    st.lists(st.lists(st.floats(0, 60), max_size=4), min_size=5, max_size=5),
    st.randoms(use_true_random=False),
)
def test_f1_lies_between_0_and_1_whatever_the_order_of_questions_and_events(
    gold: list[list[float]], said: list[list[float]], shuffle: object
) -> None:
    samples = [watch_sample(f"s{v}", sorted(times), video=f"v{v}") for v, times in enumerate(gold)]
    spoken = {sample.id: sorted(times) for sample, times in zip(samples, said, strict=False)}
    value = _row(samples, spoken).primary.estimate.value
    assert value is None or 0 <= value <= 1
    turned = [watch_sample(s.id, list(gold[v])[::-1], video=f"v{v}") for v, s in enumerate(samples)][::-1]
    assert _row(turned, spoken).primary.estimate.value == value

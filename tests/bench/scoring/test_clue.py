from __future__ import annotations

import pytest
from scoring_kit import RULES, book, clue_sample, items, judged, line

from bench.data.schema import AnswerForm, Gold, Sample
from bench.scoring.base import Emission, Item, Rules, Said, Verdict
from bench.scoring.clue import Clue
from bench.scoring.scores import PartScores
from bench.scoring.stats import measured
from shared.messages import Status

SEEN = (Gold(to_s=10, value=False), Gold(from_s=10, value=True))
FOUND = (Gold(to_s=10, value="WAIT"), Gold(from_s=10, value="READY", text="B"))
PROBES = (4.0, 8.0, 12.0, 30.0)


def _part(samples: list[Sample], said: list[str], rules: Rules = RULES) -> PartScores:
    made = items(samples, rules)
    lines = [
        line(item.key.sample, raw, turn=item.key.turn, probe=item.key.probe)
        for item, raw in zip(made, said, strict=True)
    ]
    part = judged(samples, lines, rules).table.part("clue")
    assert part is not None
    return part


def _value(samples: list[Sample], said: list[str]) -> float | None:
    return _part(samples, said).rows[0].primary.estimate.value


def test_balanced_accuracy_is_the_mean_over_the_states() -> None:
    one = clue_sample("a", AnswerForm.YES_NO, SEEN, probes=(2.0, 4.0, 8.0, 12.0))
    assert _value([one], ["no", "no", "yes", "yes"]) == pytest.approx((2 / 3 + 1) / 2, abs=1e-6)
    assert _value([one], ["no", "no", "no", "no"]) == 0.5


@pytest.mark.parametrize("said", ["yes", "no"])
def test_who_always_says_the_same_scores_one_half_however_rare_a_state_is(said: str) -> None:
    one = clue_sample("a", AnswerForm.YES_NO, SEEN, probes=(1.0, 2.0, 3.0, 4.0, 5.0, 11.0))
    assert _value([one], [said] * 6) == 0.5


def test_ready_needs_the_answer_right_too() -> None:
    one = clue_sample("a", AnswerForm.SUFFICIENCY, FOUND, probes=PROBES, options=True)
    assert _value([one], ["wait", "wait", "B", "B"]) == 1.0
    assert _value([one], ["wait", "wait", "B", "C"]) == 0.75
    assert _value([one], ["B", "B", "B", "B"]) == 0.5
    assert _value([one], ["wait", "nonsense", "wait", "green"]) == 0.5


def test_ready_in_free_text_goes_by_the_text() -> None:
    gold = (Gold(to_s=10, value="WAIT"), Gold(from_s=10, value="READY", text="She walks past the car."))
    one = clue_sample("a", AnswerForm.SUFFICIENCY, gold, probes=(4.0, 12.0, 13.0))
    assert _value([one], ["Wait.", "she walks past the car", "READY: she walks past the car"]) == 1.0
    assert _value([one], ["wait", "she runs", "wait"]) == 0.5


def test_states_of_all_questions_are_pooled() -> None:
    seen = clue_sample("a", AnswerForm.YES_NO, SEEN, probes=(4.0, 12.0))
    found = clue_sample("b", AnswerForm.SUFFICIENCY, FOUND, probes=PROBES, options=True)
    # Before: no right, wait right, wait wrong: 2 of 3. After: yes wrong, B right, B right: 2 of 3.
    assert _value([seen, found], ["no", "no", "wait", "A", "B", "B"]) == pytest.approx(2 / 3, abs=1e-6)


def test_counts_have_a_score_of_their_own_beside_it() -> None:
    count = clue_sample(
        "n", AnswerForm.COUNT, (Gold(to_s=10, value=0), Gold(from_s=10, value=10)), probes=(5.0, 12.0, 13.0)
    )
    part = _part(
        [clue_sample("a", AnswerForm.YES_NO, SEEN, probes=(4.0, 12.0)), count], ["no", "yes", "0", "8", "x"]
    )
    row = part.rows[0]
    assert row.primary.estimate.value == 1.0
    relative = row.score("mean relative accuracy")
    assert relative is not None
    # 0 of 0 is right; |8 - 10| / 10 = .2 passes .50 to .80, seven of ten; no number is 0.
    assert relative.estimate.value == pytest.approx((1 + 0.7 + 0) / 3, abs=1e-6)
    assert part.metric == "balanced accuracy"


def test_where_all_are_counts_their_score_is_the_primary_one() -> None:
    part = _part([clue_sample("n", AnswerForm.COUNT, (Gold(value=2),), probes=(5.0,))], ["two"])
    assert part.metric == "mean relative accuracy"
    assert part.rows[0].primary.estimate.value == 1.0


def test_a_failure_is_wrong_in_the_state_of_its_probe() -> None:
    made = items([clue_sample("a", AnswerForm.YES_NO, SEEN, probes=(4.0, 12.0))])
    said = [Said("no", status=Status.TIMEOUT), Said("yes")]
    assert measured(Clue().measures(book(made, said))[0]).value == 0.5


def test_a_late_answer_to_a_probe_is_judged_when_it_comes() -> None:
    (item,) = items([clue_sample("a", AnswerForm.YES_NO, SEEN, probes=(9.0,))])
    late = Clue().judge(item, Said("no", t_emit=11.0), RULES)
    assert (late.correct, late.correct_at_ask) == (False, True)
    assert late.tally[:4] == (0.0, 0.0, 0.0, 1.0)


def test_when_ready_was_first_said_and_how_often_too_early() -> None:
    samples = [
        clue_sample("early", AnswerForm.YES_NO, SEEN, probes=PROBES, video="v0"),
        clue_sample("late", AnswerForm.YES_NO, SEEN, probes=PROBES, video="v1"),
        clue_sample("never", AnswerForm.YES_NO, SEEN, probes=PROBES, video="v2"),
    ]
    said = ["no", "yes", "yes", "yes", "no", "no", "no", "yes", "no", "no", "no", "no"]
    first = _part(samples, said).rows[0].details["first_ready"]
    assert (first["asked_before"], first["asked_after"], first["reached"]) == (3, 3, 2)
    assert first["premature_rate"] == pytest.approx(1 / 3, abs=1e-6)
    assert (first["delay_p50_s"], first["delay_p90_s"]) == (11.0, pytest.approx(18.2))


def test_the_delay_is_since_the_clue_though_the_answer_changes_later() -> None:
    gold = (*FOUND[:1], FOUND[1].model_copy(update={"to_s": 20.0}), Gold(from_s=20, value="READY", text="C"))
    one = clue_sample("a", AnswerForm.SUFFICIENCY, gold, probes=(25.0,), options=True)
    first = _part([one], ["C"]).rows[0].details["first_ready"]
    assert first["delay_p50_s"] == 15.0


def _dense() -> tuple[Item, Rules]:
    rules = RULES._replace(clue="dense", horizon_s=20.0)
    (item,) = items([clue_sample("a", AnswerForm.YES_NO, SEEN, probes=PROBES)], rules)
    return item, rules


def _follow(*changes: tuple[float, str]) -> Verdict:
    item, rules = _dense()
    return Clue().judge(item, Said("", emissions=tuple(Emission(t, raw) for t, raw in changes)), rules)


def test_dense_the_last_emission_up_to_each_second_counts() -> None:
    verdict = _follow((0.0, "no"), (7.0, "yes"), (9.0, "no"), (13.0, "yes"))
    # Seconds 0 to 9 are before: all but 7 and 8 are right. Seconds 10 to 20 are after: 13 to 20 are right.
    assert verdict.tally[:4] == (8.0, 10.0, 8.0, 11.0)
    assert verdict.delays == (3.0,)
    assert verdict.tally[8] == 2.0


def test_dense_nothing_said_yet_is_a_miss() -> None:
    assert _follow((5.0, "no")).tally[:4] == (5.0, 10.0, 0.0, 11.0)
    assert _follow().tally[:4] == (0.0, 10.0, 0.0, 11.0)


def test_dense_time_is_what_weighs() -> None:
    fine = RULES._replace(clue="dense", horizon_s=20.0, tick_s=0.5)
    (item,) = items([clue_sample("a", AnswerForm.YES_NO, SEEN, probes=PROBES)], fine)
    tally = Clue().judge(item, Said("", emissions=(Emission(0.0, "no"),)), fine).tally
    assert tally[:4] == (10.0, 10.0, 0.0, 10.5)


def test_dense_records_are_read_by_their_emissions() -> None:
    sample = clue_sample("a", AnswerForm.YES_NO, SEEN, probes=PROBES)
    rules = RULES._replace(clue="dense", horizon_s=20.0)
    changes = [
        line("a", "no", kind="emission", tick=0, t_emit=0.0),
        line("a", "yes", kind="emission", tick=10, t_emit=10.0),
        line("a", "yes"),
    ]
    part = judged([sample], changes, rules).table.part("clue")
    assert part is not None
    assert part.rows[0].primary.estimate.value == 1.0
    blind = {baseline.name: baseline.primary.estimate.value for baseline in part.baselines}
    assert (blind["always"], blind["never"]) == (0.5, 0.5)

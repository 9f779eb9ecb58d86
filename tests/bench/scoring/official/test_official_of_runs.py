from __future__ import annotations

from typing import Any, Literal

import pytest
from official_kit import alert_turn, choice_turn, make, output_turn

from bench.data.schema import AnswerForm, AnswerSpec, Gold, Sample, Turn
from bench.run.lines import ScoredLine
from bench.scoring.official import as_said
from bench.scoring.official.runs import official_of_run


def line(sample: Sample, form: str, path: Literal["s1", "s2"] = "s1", **fields: Any) -> ScoredLine:
    head = {"play": 0, "attempt": 1, "turn": 0, "probe": 0, "status": "ok", "t_ask": 0.0, "mode": "offline"}
    return ScoredLine(**{**head, "sample": sample.id, "form": form, "path": path, **fields})


def state_sample(form: AnswerForm, before: Any, after: Any, profile: str) -> Sample:
    gold = (Gold(to_s=10, value=before), Gold(from_s=10, value=after, text="red"))
    answer = AnswerSpec(form=form, gold=gold)
    return make(profile, Turn(question="q", ask_s=5, probe_s=(6, 14), answer=answer))


@pytest.mark.parametrize(
    ("form", "raw", "said"),
    [
        (AnswerForm.YES_NO, "yes", "Yes"),
        (AnswerForm.YES_NO, "no", "No"),
        (AnswerForm.SUFFICIENCY, "wait", "No"),
        (AnswerForm.SUFFICIENCY, "WAIT", "No"),
        (AnswerForm.SUFFICIENCY, "a red car", "Yes"),
        (AnswerForm.SUFFICIENCY, "", ""),
        (AnswerForm.MCQ, "B", "B"),
        (AnswerForm.COUNT, "3", "3"),
    ],
)
def test_what_a_run_says_is_put_into_official_words(form: AnswerForm, raw: str, said: str) -> None:
    assert as_said(form, raw) == said


def test_each_path_is_scored_by_itself() -> None:
    sample = make("ovo.epm@1", choice_turn("B"))
    found = official_of_run(
        [sample], [line(sample, "mcq", raw="A", choice="B"), line(sample, "mcq", "s2", raw="C")]
    )
    assert {path: table.profiles[0].scores.value for path, table in found.items()} == {"s1": 1.0, "s2": 0.0}


def test_a_failure_said_nothing() -> None:
    sample = make("streamingbench.real@1", choice_turn("B"))
    found = official_of_run([sample], [line(sample, "mcq", status="timeout")])["s1"].profiles[0].scores
    assert (found.value, found.empty, found.missing) == (None, 1, 0)


def test_emissions_are_outputs_at_their_times() -> None:
    sample = make("streamingbench.proactive@1", output_turn(gold=29.0))
    records = [
        line(sample, "emit", kind="emission", t_emit=28.0, raw="3", speak=True, tick=8),
        line(sample, "emit"),
    ]
    scores = official_of_run([sample], records)["s1"].profiles[0].scores
    assert (scores.value, scores.metrics["answer_accuracy"]) == (1.0, 1.0)


def test_a_standing_question_that_ends_in_silence_is_answered_and_wrong() -> None:
    sample = make("omnimmi.pa@1", alert_turn(5, 9))
    scores = official_of_run([sample], [line(sample, "alert")])["s1"].profiles[0].scores
    assert (scores.value, scores.missing, scores.empty) == (0.0, 0, 1)


def test_of_a_state_that_was_followed_the_last_up_to_the_time_asked_counts() -> None:
    sample = state_sample(AnswerForm.YES_NO, False, True, "ovo.ssr@1")
    changes = [(5.0, "no"), (12.0, "yes"), (20.0, "no")]
    records = [line(sample, "yes_no", kind="emission", t_emit=t, raw=raw) for t, raw in changes]
    scores = official_of_run([sample], [*records, line(sample, "yes_no", raw="no")])["s1"].profiles[0].scores
    assert (scores.value, scores.n) == (1.0, 2)


def test_whether_it_can_be_told_is_read_from_wait_and_from_an_answer() -> None:
    sample = state_sample(AnswerForm.SUFFICIENCY, "WAIT", "READY", "ovo.crr@1")
    records = [line(sample, "sufficiency+text", probe=n, raw=raw) for n, raw in enumerate(("wait", "red"))]
    assert official_of_run([sample], records)["s1"].profiles[0].scores.value == 1.0

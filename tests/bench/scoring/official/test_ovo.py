from __future__ import annotations

from typing import Any

import pytest
from official_kit import SAID_NOTHING, choice_turn, make, said, score, value

from bench.data.schema import AnswerForm, AnswerSpec, Gold, Sample, Scoring, Turn
from bench.scoring.official import PROFILES, Case, Prediction, score_official
from bench.scoring.official.ovo import BACKWARD, FORWARD, REALTIME

EPM, REC, SSR, CRR = "ovo.epm@1", "ovo.rec@1", "ovo.ssr@1", "ovo.crr@1"


def count_sample(count: int) -> Sample:
    gold = (Gold(value=0, to_s=5), Gold(value=count, from_s=5))
    return make(REC, Turn(question="q", ask_s=9, answer=AnswerSpec(form=AnswerForm.COUNT, gold=gold)))


def state_sample(profile: str, *, ready: bool) -> Sample:
    if profile == SSR:
        answer = AnswerSpec(form=AnswerForm.YES_NO, gold=(Gold(value=ready),))
    else:
        answer = AnswerSpec(form=AnswerForm.SUFFICIENCY, gold=(Gold(value="READY" if ready else "WAIT"),))
    return make(profile, Turn(question="q", ask_s=9, answer=answer))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("C", 1),
        ("(C) blue", 1),
        ("The answer is C.", 1),
        ("A, C", 1),
        ("C. (E)Close", 1),
        ("c", 0),
        ("A", 0),
        ("", 0),
        (None, 0),
        (SAID_NOTHING, 0),
        (["C"], 1),
        (["A", "C"], 1),
        ([], 0),
        (3, 0),
        ({"label": "C"}, 1),
    ],
)
def test_the_gold_letter_is_anywhere_in_the_response(text: Any, right: float) -> None:
    assert value(EPM, said(make(EPM, choice_turn("C")), text)) == right


def test_several_letters_are_right_for_each_of_them() -> None:
    assert [value(EPM, said(make(EPM, choice_turn(gold)), "A, B")) for gold in "ABC"] == [1, 1, 0]


def test_with_five_options_the_fifth_letter_counts() -> None:
    assert value(EPM, said(make(EPM, choice_turn("E", count=5)), "E")) == 1


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("3", 1),
        ("about 3 times", 1),
        ("3.", 1),
        (3, 1),
        (3.0, 1),
        (["3"], 1),
        ("three", 0),
        ("3.0", 0),
        ("1 or 3", 0),
        ("", 0),
        (None, 0),
        (SAID_NOTHING, 0),
    ],
)
def test_the_digits_of_the_response_joined_are_the_count(text: Any, right: float) -> None:
    assert value(REC, said(count_sample(3), text)) == right


def test_digits_that_stand_apart_are_joined() -> None:
    assert value(REC, said(count_sample(12), "1 and 2")) == 1


@pytest.mark.parametrize("profile", [SSR, CRR])
@pytest.mark.parametrize(
    ("text", "when_ready", "when_not"),
    [
        ("Y", 1, 0),
        ("N", 0, 1),
        ("Yes", 1, 0),
        ("No.", 0, 1),
        ("Yes and No", 1, 1),
        ("yes", 0, 0),
        ("Not sure", 0, 1),
        ("NY", 0, 0),
        ("", 0, 0),
        (None, 0, 0),
        (SAID_NOTHING, 0, 0),
        (["Yes"], 1, 0),
        (True, 1, 0),
    ],
)
def test_yes_and_no_are_looked_for_with_a_capital(
    profile: str, text: Any, when_ready: float, when_not: float
) -> None:
    assert value(profile, said(state_sample(profile, ready=True), text)) == when_ready
    assert value(profile, said(state_sample(profile, ready=False), text)) == when_not


@pytest.mark.parametrize(
    ("profile", "yes", "of", "published"), [(SSR, 423, 629, 67.25), (CRR, 144, 240, 60.0)]
)
def test_always_yes_gives_the_figures_that_it_gives_on_the_public_file(
    profile: str, yes: int, of: int, published: float
) -> None:
    cases = [said(state_sample(profile, ready=n < yes), "Yes") for n in range(of)]
    found = score(profile, cases).value
    assert found is not None
    assert round(100 * found, 2) == published


def test_the_file_s_own_gold_wins_where_it_contradicts_its_times() -> None:
    scoring = Scoring(profile=REC, params={"probe_gold": {"0/0": 4}})
    sample = count_sample(3).model_copy(update={"scoring": scoring})
    assert value(REC, said(sample, "4")) == 1
    assert value(REC, said(sample, "3")) == 0


def table(marks: dict[str, tuple[str, ...]]) -> dict[str, float | None]:
    """Sections of a set in which each task has these answers to questions whose gold is A, Yes or 1."""
    samples, answers = [], []
    for task, texts in marks.items():
        for text in texts:
            profile = f"ovo.{task}@1"
            sample = {
                "rec": count_sample(1),
                "ssr": state_sample(SSR, ready=True),
                "crr": state_sample(CRR, ready=True),
            }
            samples.append(sample.get(task) or make(profile, choice_turn("A")))
            answers.append(text)
    found = score_official(samples, lambda number, turn, probe: (Prediction(answers[number]),), blind=False)
    return {section.name: section.value for section in found.sections}


def test_a_section_is_the_mean_of_its_tasks_and_the_total_that_of_the_sections() -> None:
    marks = dict.fromkeys(REALTIME, ("A",))
    marks |= {"epm": ("A", "B", "B", "B"), "hld": ("A", "B"), "asi": ("B",)}  # 0.25, 0.5, 0
    marks |= {"rec": ("1", "2"), "ssr": ("Yes", "Yes"), "crr": ("No",)}  # 0.5, 1, 0
    assert table(marks) == {"backward": 0.25, "realtime": 1.0, "forward": 0.5, "total": 0.583333}


def test_there_is_no_total_while_a_task_is_not_there() -> None:
    assert table(dict.fromkeys(BACKWARD, ("A",))) == {
        "backward": 1.0,
        "realtime": None,
        "forward": None,
        "total": None,
    }


def test_every_task_has_a_profile() -> None:
    assert {f"ovo.{task}@1" for task in (*BACKWARD, *REALTIME, *FORWARD)} <= set(PROFILES)


def test_a_case_takes_the_gold_of_its_own_probe() -> None:
    gold = (Gold(value="WAIT", to_s=308), Gold(value="READY", from_s=308))
    turn = Turn(
        question="q",
        ask_s=297,
        probe_s=(297, 302, 310),
        answer=AnswerSpec(form=AnswerForm.SUFFICIENCY, gold=gold),
    )
    sample = make(CRR, turn)
    cases = [Case(sample, 0, probe, (Prediction("Yes"),)) for probe in range(3)]
    assert [value(CRR, case) for case in cases] == [0, 0, 1]

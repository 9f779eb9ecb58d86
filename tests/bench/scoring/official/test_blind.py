from __future__ import annotations

from collections.abc import Sequence

import pytest
from official_kit import alert_turn, choice_turn, make, output_turn, reply_turn

from bench.data.schema import AnswerForm, AnswerSpec, Gold, Sample, Turn
from bench.scoring.official import PROFILES, score_official


def blind(*samples: Sample) -> dict[str, float | None]:
    """What never looking gives, by name."""
    table = score_official(samples, lambda number, turn, probe: ())
    return {item.name: item.value for profile in table.profiles for item in profile.blind}


def state(ready: bool) -> Sample:
    answer = AnswerSpec(form=AnswerForm.YES_NO, gold=(Gold(value=ready),))
    return make("ovo.ssr@1", Turn(question="q", ask_s=1, answer=answer))


def test_always_yes_and_always_no_stand_beside_forward_questions() -> None:
    assert blind(state(True), state(True), state(False)) == {"always Yes": 0.666667, "always No": 0.333333}


def test_the_best_letter_in_hindsight_stands_beside_choices() -> None:
    golds = ("A", "C", "C", "B")
    samples = [make("streamingbench.real@1", choice_turn(gold)) for gold in golds]
    assert blind(*samples) == {"always C": 0.5}


def test_the_best_timer_in_hindsight_stands_beside_outputs() -> None:
    samples = [
        make("streamingbench.proactive@1", output_turn(ask=20, gold=20 + after)) for after in (5, 6, 9, 20)
    ]
    assert blind(*samples) == {"7 s after the question": 0.75, "never": 0.0}


def test_a_timer_of_alerts_goes_in_steps_of_five_seconds() -> None:
    samples = [make("omnimmi.pa@1", alert_turn(start, start + 4)) for start in (100, 98, 40)]
    assert blind(*samples)["100 s after the question"] == 0.666667


def test_silence_stands_beside_replies() -> None:
    assert blind(make("proactivevideoqa@1", reply_turn(("a", 1, 5, 4)))) == {"silence": 0.25}


@pytest.mark.parametrize("name", PROFILES)
def test_free_text_alone_has_no_blind_answerer(name: str) -> None:
    names: Sequence[str] = list(blind(make(name, choice_turn("A"))))
    texts = ("omnimmi.md", "omnimmi.sg", "omnimmi.ap", "omnimmi.si", "svbench")
    assert bool(names) is not name.startswith(texts)

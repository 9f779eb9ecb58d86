"""From samples to what is asked. Gold never passes here: a question is built from a whitelist of fields."""

from __future__ import annotations

from typing import NamedTuple

from bench.data.schema import Part, Sample, Turn
from shared.errors import DataError
from shared.messages import Form, Question, question_key

__all__ = ["ASKABLE", "AskedQuestion", "to_questions"]

ASKABLE = frozenset({Part.REALTIME, Part.REASONING})
"""Parts whose questions are asked at given times, by this version."""


class AskedQuestion(NamedTuple):
    """A question as it is sent, and where it belongs in the data set."""

    question: Question
    sample: str
    turn: int
    probe: int
    key: str
    ask_s: float
    """Stream time of the ask."""


def to_questions(sample: Sample, opening: str) -> list[AskedQuestion]:
    """The questions of a sample by ask time, one a turn and probe; `DataError` if one can't be asked."""
    if sample.part not in ASKABLE:
        parts = ", ".join(sorted(ASKABLE))
        raise DataError(
            f"sample {sample.id}: part {sample.part} is not asked by this version; choose --part {parts}"
        )
    asked = [
        _asked(sample, opening, number, turn, probe, t)
        for number, turn in enumerate(sample.turns)
        for probe, t in enumerate(turn.asks)
    ]
    return sorted(asked, key=lambda item: (item.ask_s, item.turn, item.probe))


def _asked(sample: Sample, opening: str, number: int, turn: Turn, probe: int, t: float) -> AskedQuestion:
    key = question_key(sample.id, number, probe)
    question = Question(
        opening=opening,
        key=key,
        sample=sample.id,
        turn=number,
        probe=probe,
        t_ask=t,
        text=turn.question,
        form=_form(sample, turn),
        options=turn.answer.options,
    )
    return AskedQuestion(question, sample.id, number, probe, key, t)


def _form(sample: Sample, turn: Turn) -> Form:
    try:
        return Form(turn.answer.form.value)
    except ValueError as error:
        forms = ", ".join(Form)
        text = f"answer form {turn.answer.form} is not asked by this version; it asks {forms}"
        raise DataError(f"sample {sample.id}: {text}") from error

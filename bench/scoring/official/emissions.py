"""What was said by itself, and when, from predictions made elsewhere: emissions, polls, or bare times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.data.schema import AnswerForm
from bench.scoring.official.base import Case, Prediction
from bench.scoring.official.responses import text_of

__all__ = ["emissions_of", "is_no", "spoke"]


def emissions_of(case: Case) -> list[tuple[float, str]]:
    """Stream times and texts, in time order.

    A prediction with a time is something said then, unless it is null or a plain "no". For an alert without one,
    numbers are the times themselves. Any other text answers the poll of its index: something said when "yes" is
    in it.
    """
    return sorted(_each(case), key=lambda item: item[0])


def spoke(prediction: Prediction) -> bool:
    """Whether something was said by itself; with a time: anything but null and a plain "no", else a yes."""
    said = text_of(prediction.text)
    if prediction.t_emit is None:
        return "yes" in said.lower()
    return prediction.text is not None and not is_no(said)


def is_no(said: str) -> bool:
    """Whether it is "no" and nothing else."""
    return said.strip().rstrip(".!").casefold() in ("no", "n")


def _each(case: Case) -> Iterator[tuple[float, str]]:
    for item in case.predictions:
        alert = item.t_emit is None and case.of.answer.form is AnswerForm.ALERT
        if alert and (times := _times(item.text)):
            yield from ((t, "") for t in times)
        elif spoke(item):
            yield case.time_of(item), text_of(item.text)


def _times(value: Any) -> list[float]:
    """Numbers, numerals or lists of them as times; empty for anything else."""
    if isinstance(value, list | tuple):
        return [t for item in value for t in _times(item)]
    if isinstance(value, bool) or value is None or isinstance(value, dict):
        return []
    try:
        return [float(value)]
    except (ValueError, OverflowError):
        return []

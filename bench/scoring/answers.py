"""Right or wrong: one answer against the gold of its instant, by the answer's form."""

from __future__ import annotations

import re

from bench.data.schema import AnswerForm, Gold
from bench.scoring.ladder import Parsed, Rung, normalise, parse_choice
from shared.messages import Option

__all__ = ["parse_answer", "right"]

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w])")
_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {name: str(number) for number, name in enumerate(_NAMES)}
_YES_NO = re.compile(r"\b(yes|no)\b")


def parse_answer(raw: str, form: AnswerForm, options: tuple[Option, ...]) -> Parsed:
    """What the system meant: a label, `yes` or `no`, a number, or normalised text."""
    if form is AnswerForm.MCQ:
        return parse_choice(raw, options)
    text = normalise(raw)
    if not text:
        return Parsed(None, Rung.EMPTY)
    if form is AnswerForm.YES_NO:
        return _single(_YES_NO.findall(text))
    if form is AnswerForm.COUNT:
        return _single([*_NUMBER.findall(text), *(_WORDS[word] for word in text.split() if word in _WORDS)])
    return Parsed(text, Rung.VALUE)


def right(parsed: Parsed, gold: Gold, form: AnswerForm) -> bool:
    """Whether it equals the gold; what could not be read is wrong."""
    if parsed.value is None:
        return False
    if form is AnswerForm.MCQ:
        return parsed.value == gold.value
    if form is AnswerForm.YES_NO:
        wanted = (
            gold.value if isinstance(gold.value, bool) else normalise(_text(gold)) in ("yes", "true", "1")
        )
        return (parsed.value == "yes") == bool(wanted)
    if form is AnswerForm.COUNT:
        return _same_number(parsed.value, _text(gold))
    return parsed.value == normalise(_text(gold))


def _text(gold: Gold) -> str:
    return gold.text if gold.value is None else str(gold.value)


def _single(found: list[str]) -> Parsed:
    kinds = sorted(set(found))
    if len(kinds) == 1:
        return Parsed(kinds[0], Rung.VALUE)
    return Parsed(None, Rung.AMBIGUOUS if kinds else Rung.UNPARSED)


def _same_number(said: str, gold: str) -> bool:
    try:
        return float(said) == float(gold)
    except ValueError:
        return False

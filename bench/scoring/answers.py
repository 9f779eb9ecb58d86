"""Right or wrong: one answer against one gold, by the answer's form.

Where an answer may be `wait` (form `sufficiency+text`), that is a label like the others, and its gold is the
state `WAIT`; any other answer means READY, and must be the right one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from bench.data.schema import AnswerForm
from bench.scoring.ladder import Labelled, Parsed, Rung, normalise, parse_choice
from bench.scoring.text import NORMALISED, TextAsk, TextMatcher

__all__ = [
    "NO",
    "READY",
    "WAIT",
    "YES",
    "Golden",
    "Grader",
    "Option",
    "is_positive",
    "parse_answer",
    "right",
    "told_text",
    "without_ready",
]

WAIT, READY = "WAIT", "READY"
YES, NO = "yes", "no"
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w])")
_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {name: str(number) for number, name in enumerate(_NAMES)}
_YES_NO = re.compile(r"\b(yes|no)\b")
_WAITS = re.compile(r"wait\b(?!\w)")
_READY = re.compile(r"^\s*ready\s*[:,-]\s*", re.IGNORECASE)
_SHORT = 16
"""Characters: answers no longer than this say the same few things again and again."""


class Option(NamedTuple):
    """A choice, as scoring holds it: half a million questions have two million of them."""

    key: str
    text: str


_WAIT_OPTION = Option(WAIT, WAIT.lower())


class Golden(Protocol):
    """What is right: a value, or where there is none, a text."""

    @property
    def value(self) -> str | bool | int | float | None:
        """The label, the count, yes or no, or a state; null when only `text` is known."""
        ...

    @property
    def text(self) -> str:
        """The text; with the state READY: the answer."""
        ...


class Grader:
    """Compares free text by a `TextMatcher`, and asks it once for each pair of texts."""

    def __init__(self, matcher: TextMatcher = NORMALISED) -> None:
        self.matcher = matcher
        self._known: dict[tuple[str, str, str], bool] = {}

    def prepare(self, asks: Iterable[tuple[str, str, str]]) -> None:
        """Grade many (question, gold, answer) at once: a judge model works faster on a batch."""
        fresh = [ask for ask in dict.fromkeys(asks) if ask not in self._known]
        grades = self.matcher.grades([TextAsk(*ask) for ask in fresh]) if fresh else []
        self._known.update(zip(fresh, (grade >= 1 for grade in grades), strict=True))

    def right(self, question: str, gold: str, answer: str) -> bool:
        """Whether the answer means the gold; an empty one never does."""
        if not answer.strip():
            return False
        ask = (question, gold, answer)
        if ask not in self._known:
            self.prepare([ask])
        return self._known[ask]


def parse_answer(raw: str, form: AnswerForm, options: Sequence[Labelled]) -> Parsed:
    """What the system meant: a label, `WAIT`, `yes` or `no`, a number, or normalised text."""
    if form is AnswerForm.MCQ:
        return parse_choice(raw, options)
    if form is AnswerForm.SUFFICIENCY and options:
        return _state(parse_choice(raw, (*options, _WAIT_OPTION)), raw, options)
    return _parse_short(raw, form) if len(raw) <= _SHORT else _parse_free(raw, form)


def _parse_free(raw: str, form: AnswerForm) -> Parsed:
    text = normalise(raw)
    if not text:
        return Parsed(None, Rung.EMPTY)
    if form is AnswerForm.YES_NO:
        return Parsed(text, Rung.VALUE) if text in (YES, NO) else _single(_YES_NO.findall(text))
    if form is AnswerForm.COUNT:
        return _single([*_NUMBER.findall(text), *(_WORDS[word] for word in text.split() if word in _WORDS)])
    if form is AnswerForm.SUFFICIENCY:
        said = WAIT if _WAITS.match(text) else normalise(_READY.sub("", raw))
        return Parsed(said, Rung.VALUE) if said else Parsed(None, Rung.EMPTY)
    return Parsed(text, Rung.VALUE)


_parse_short = lru_cache(maxsize=1 << 12)(_parse_free)


def right(
    parsed: Parsed,
    gold: Golden,
    form: AnswerForm,
    options: Sequence[Labelled] = (),
    *,
    raw: str = "",
    question: str = "",
    grader: Grader | None = None,
) -> bool:
    """Whether it equals the gold; what could not be read is wrong. Free text goes by `grader`, from `raw`."""
    if parsed.value is None:
        return False
    if form is AnswerForm.MCQ:
        return parsed.value == gold.value
    if form is AnswerForm.YES_NO:
        return (parsed.value == YES) == is_positive(gold)
    if form is AnswerForm.COUNT:
        return _same_number(parsed.value, told_text(gold))
    if form is AnswerForm.SUFFICIENCY:
        if not is_positive(gold):
            return parsed.value == WAIT
        if parsed.value == WAIT:
            return False
        if options:
            return parsed.value == _label(gold, options)
        raw = without_ready(raw)
    return (grader or _PLAIN).right(question, told_text(gold), raw or parsed.value)


def is_positive(gold: Golden) -> bool:
    """Whether the gold's state is yes or READY, rather than no or WAIT."""
    if isinstance(gold.value, bool):
        return gold.value
    state = normalise(str(gold.text if gold.value is None else gold.value))
    return state not in ("no", "false", "0", "wait", "")


def without_ready(raw: str) -> str:
    """The answer behind a leading `READY:`."""
    return _READY.sub("", raw)


_PLAIN = Grader()


def _state(parsed: Parsed, raw: str, options: Sequence[Labelled]) -> Parsed:
    """`READY: B` is B; `READY` alone names no option."""
    if parsed.value is None and (rest := _READY.sub("", raw)) != raw:
        return parse_choice(rest, options)
    return parsed


def _label(gold: Golden, options: Sequence[Labelled]) -> str | None:
    """The option that is right once READY: the gold's text names it, by its label or by what it says."""
    named = gold.text or str(gold.value)
    if any(option.key == named for option in options):
        return named
    said = [option.key for option in options if normalise(option.text) == normalise(named)]
    return said[0] if len(said) == 1 else None


def told_text(gold: Golden) -> str:
    """The gold in words; once READY: the answer."""
    return gold.text if gold.value is None or (gold.value == READY and gold.text) else str(gold.value)


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

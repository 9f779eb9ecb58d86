"""Comparing free text with the gold: exact, normalised, by embedding, or by a judge model.

A `TextMatcher` grades an answer on a `Scale`. What can't be graded raises; nothing is ever graded by
default. Judges are in bench/scoring/judge.py, since they call a model.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from shared.errors import ConfigError

if TYPE_CHECKING:
    from shared.memory import Encoder

__all__ = [
    "MATCHERS",
    "NORMALISED",
    "Embedding",
    "Exact",
    "Normalised",
    "Scale",
    "TextAsk",
    "TextMatcher",
    "matches",
    "plain",
    "text_matcher",
]

MATCHERS = ("exact", "normalised", "embedding", "judge")
"""Names for settings and options."""


class Scale(IntEnum):
    """The highest grade; 0 is the lowest."""

    YES_NO = 1
    """Means the same, or not."""
    COVERED = 2
    """All of the gold, some of it, none of it (ProactiveVideoQA)."""
    TEN = 10
    """Quality from 0 to 10 (SVBench)."""


class TextAsk(NamedTuple):
    """One answer to grade."""

    question: str
    gold: str
    answer: str
    scale: Scale = Scale.YES_NO


class TextMatcher(Protocol):
    """A way to compare text. `grades` may block, and raises `ModelError` rather than guess."""

    name: str
    """With its parameters: two scores are comparable when it is equal."""

    def grades(self, asks: Sequence[TextAsk]) -> list[int]:
        """A grade for each, from 0 to its scale."""
        ...


def matches(matcher: TextMatcher, question: str, gold: str, answer: str) -> bool:
    """Whether one answer means the gold."""
    return matcher.grades([TextAsk(question, gold, answer)])[0] == Scale.YES_NO


class Exact:
    """The same characters, but for spaces around them: the highest grade, or 0."""

    name = "exact"

    def grades(self, asks: Sequence[TextAsk]) -> list[int]:
        """The highest grade, or 0."""
        return [int(ask.scale) * (ask.answer.strip() == ask.gold.strip()) for ask in asks]


class Normalised:
    """The same words: width, case, punctuation, articles and spaces don't count."""

    name = "normalised"

    def grades(self, asks: Sequence[TextAsk]) -> list[int]:
        """The highest grade, or 0."""
        return [int(ask.scale) * (plain(ask.answer) == plain(ask.gold)) for ask in asks]


class Embedding:
    """Cosine similarity of sentence vectors.

    On `YES_NO` it is right from `threshold` on; on `COVERED` it is 2 from there on and 1 from `partly` on; on
    `TEN` the grade is ten times the cosine, rounded, negative ones being 0. An empty answer is 0.
    """

    def __init__(self, encoder: Encoder, *, threshold: float = 0.8, partly: float = 0.5) -> None:
        if not 0 < partly <= threshold <= 1:
            raise ConfigError(
                f"similarity thresholds {partly} and {threshold}: need 0 < partly <= threshold <= 1"
            )
        self.name = f"embedding:{encoder.name}@{threshold:g}/{partly:g}"
        self._encoder, self._threshold, self._partly = encoder, threshold, partly

    def grades(self, asks: Sequence[TextAsk]) -> list[int]:
        """By similarity of the answer to the gold; the question is not looked at."""
        return [self._grade(ask) for ask in asks]

    def _grade(self, ask: TextAsk) -> int:
        if not ask.answer.strip() or not ask.gold.strip():
            return 0
        cosine = float(self._encoder.encode(ask.answer) @ self._encoder.encode(ask.gold))
        if ask.scale is Scale.TEN:
            return round(10 * min(1.0, max(0.0, cosine)))
        if cosine >= self._threshold:
            return int(ask.scale)
        return int(ask.scale is Scale.COVERED and cosine >= self._partly)


NORMALISED = Normalised()


def text_matcher(name: str, *, threshold: float = 0.8) -> TextMatcher:
    """The matcher of that name; raises `ConfigError` for an unknown one or a judge without settings."""
    if name == "exact":
        return Exact()
    if name == "normalised":
        return NORMALISED
    if name == "embedding":
        from shared.memory import load_encoder

        return Embedding(load_encoder(), threshold=threshold)
    if name == "judge":
        from bench.scoring.judge import judge_from_settings

        return judge_from_settings()
    raise ConfigError(f"text matcher {name!r} is unknown: choose {', '.join(MATCHERS)}")


_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def plain(text: str) -> str:
    """NFKC, case-folded, without punctuation and articles, single spaces.

    The normalisation of extractive question answering (SQuAD's evaluation script), for any script; but a mark
    between two digits stays, and so does a sign: `1.5` is not `15`, `-3` is not `3`.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(_kept(folded, place, mark) for place, mark in enumerate(folded))
    words = " ".join(_ARTICLES.sub(" ", kept).split())
    return words or " ".join(kept.split()) or " ".join(folded.split())


def _kept(text: str, place: int, mark: str) -> str:
    kind = unicodedata.category(mark)
    if kind[0] not in "PC" and kind != "Sk":
        return mark
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if after.isdigit() and (before.isdigit() or (mark in "-−" and not before.isalnum())):
        return mark
    return "" if mark in "'’" else " "

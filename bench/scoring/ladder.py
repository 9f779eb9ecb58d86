"""The parsing ladder: from what a system said to the option it chose. It logs the rung, and never guesses.

1. the whole answer is one valid label, with brackets or a period at most;
2. the last explicit "answer is X", "option X" or boxed X;
3. a leading "X." or "(X)";
4. the text of exactly one option;
5. several labels are ambiguous, and wrong. So is what no rung could read.

Valid labels are the item's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Protocol

__all__ = ["Labelled", "Parsed", "Rung", "normalise", "parse_choice"]


class Labelled(Protocol):
    """An option: what it is called, and what it says."""

    @property
    def key(self) -> str:
        """Its label."""
        ...

    @property
    def text(self) -> str:
        """What it says."""
        ...


class Rung(StrEnum):
    """How an answer was read."""

    LABEL = "label"
    EXPLICIT = "explicit"
    LEADING = "leading"
    TEXT = "text"
    VALUE = "value"
    """Not a choice: a number, yes or no, or free text."""
    AMBIGUOUS = "ambiguous"
    UNPARSED = "unparsed"
    EMPTY = "empty"


class Parsed(NamedTuple):
    """What was read; null when it is ambiguous, unparsed or empty."""

    value: str | None
    rung: Rung


def parse_choice(raw: str, options: Sequence[Labelled]) -> Parsed:
    """The label that `raw` chooses among `options`, by the ladder."""
    if raw.isascii() and raw.isalnum() and any(raw == option.key for option in options):
        return Parsed(raw, Rung.LABEL)  # what systems that choose by logits always say
    said = _clean(raw)
    if not said:
        return Parsed(None, Rung.EMPTY)
    patterns = _patterns(tuple(option.key for option in options))
    labels = {option.key.casefold(): option.key for option in options}
    for rung, found in (
        (Rung.LABEL, patterns.whole.fullmatch(said)),
        (Rung.EXPLICIT, _last(patterns.explicit, said)),
        (Rung.LEADING, patterns.leading.match(said)),
    ):
        if found is not None:
            several = rung is not Rung.LABEL and _several(patterns, said, found, rung, labels)
            return Parsed(None, Rung.AMBIGUOUS) if several else Parsed(labels[_label(found)], rung)
    return _by_text(said, options, patterns)


@lru_cache(maxsize=1 << 14)
def normalise(text: str) -> str:
    """Case, width, spaces and closing punctuation don't count when texts are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .,;:!?\"'`*")


class _Patterns(NamedTuple):
    whole: re.Pattern[str]
    explicit: re.Pattern[str]
    leading: re.Pattern[str]
    more: re.Pattern[str]
    """Another label joined to the one before: ", B", "or B"."""
    marked: re.Pattern[str]
    """A label that stands as one anywhere: "(B)", "B."."""
    bare: re.Pattern[str]


@lru_cache(maxsize=256)
def _patterns(keys: tuple[str, ...]) -> _Patterns:
    ordered = sorted({re.escape(key) for key in keys if key}, key=lambda key: (-len(key), key))
    one = f"(?P<label>{'|'.join(ordered)})" if ordered else r"(?P<label>(?!))"
    # "A" and "I" are also words: as such they are followed by another word.
    end = r"(?!\w)(?!(?<=\b[AaIi])\s+(?!because\b|since\b|as\b|or\b|and\b)[^\W\d_])"
    mark = r"[*_`\"']*"
    cue = r"(?:answer|choice|option)(?:\s+is)?\s*[:=]?\s*(?:option\s+)?"
    boxed = rf"\\boxed\{{\s*(?:\\text\{{)?\s*{one.replace('<label>', '<boxed>')}\s*\}}"
    flags = re.IGNORECASE
    return _Patterns(
        whole=re.compile(rf"[(\[{{]?{one}[)\]}}]?[.:]?", flags),
        explicit=re.compile(rf"(?<!not )(?<!n't )\b{cue}{mark}[(\[]?{mark}{one}{end}|{boxed}", flags),
        leading=re.compile(rf"(?:[(\[]{one.replace('<label>', '<boxed>')}[)\]]|{one}[.):])(?!\w)", flags),
        more=re.compile(rf"{mark}[)\]]?{mark}\s*(?:,|/|&|\+|\bor\b|\band\b)\s*[(\[]?{one}(?!\w)", flags),
        marked=re.compile(rf"[(\[]{one}[)\]]|\b{one.replace('<label>', '<boxed>')}[.):](?=\s|$)"),
        bare=re.compile(rf"(?<!\w){one}(?!\w)"),
    )


def _clean(raw: str) -> str:
    return unicodedata.normalize("NFKC", raw).strip().strip("*_`\"'$").strip()


def _last(pattern: re.Pattern[str], said: str) -> re.Match[str] | None:
    found = None
    for match in pattern.finditer(said):
        found = match
    return found


def _label(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return (groups.get("label") or groups.get("boxed") or "").casefold()


def _several(
    patterns: _Patterns, said: str, found: re.Match[str], rung: Rung, labels: dict[str, str]
) -> bool:
    """Whether another label than the found one is named on the same footing."""
    joined = patterns.more.match(said, found.end())
    if joined is not None and _label(joined) != _label(found):
        return True
    if rung is not Rung.LEADING:
        return False
    return any(_label(match) != _label(found) for match in patterns.marked.finditer(said) if labels)


def _by_text(said: str, options: Sequence[Labelled], patterns: _Patterns) -> Parsed:
    wanted = normalise(said)
    same = [option.key for option in options if wanted and normalise(option.text) == wanted]
    if len(same) == 1:
        return Parsed(same[0], Rung.TEXT)
    named = {match["label"] for match in patterns.bare.finditer(said)}
    return Parsed(None, Rung.AMBIGUOUS if len(same) > 1 or len(named) > 1 else Rung.UNPARSED)

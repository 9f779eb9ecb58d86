"""Blind baselines: answers of whoever never looks. They are judged by the same scorers as the systems.

`constant` says the same thing always, the best such thing in hindsight. `text-only` reads question and
options, and learns from the other videos which of them tend to be right (naive Bayes over words, each video
left out in turn); a word counts only when it departs from chance by two standard errors, and where nothing
speaks the pick is arbitrary.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from bench.data.schema import AnswerForm, Gold
from bench.scoring.base import Item, ItemKey
from bench.scoring.ladder import normalise
from shared.messages import Option

__all__ = ["BASELINES", "constant", "text_only"]

Judge = Callable[[Item, str], bool]
_SMOOTH = 0.5
_DEPARTS = 2.0
_CANDIDATES = 20


def constant(items: Sequence[Item], judge: Judge) -> dict[ItemKey, str]:
    """By form of answer, the one answer that is right most often."""
    chosen: dict[ItemKey, str] = {}
    for form in sorted({item.answer.form for item in items}):
        group = [item for item in items if item.answer.form is form]
        scores = [
            (-sum(judge(item, answer) for item in group), answer) for answer in _candidates(group, form)
        ]
        best = min(scores)[1] if scores else ""
        chosen.update((item.key, best) for item in group)
    return chosen


def text_only(items: Sequence[Item], judge: Judge) -> dict[ItemKey, str]:
    """What a reader of the text would say, who knows the answers of all other videos."""
    choices = [item for item in items if item.answer.form is AnswerForm.MCQ]
    others = [item for item in items if item.answer.form is not AnswerForm.MCQ]
    return {**_bayes(choices), **_majority(others)}


BASELINES: Mapping[str, Callable[[Sequence[Item], Judge], dict[ItemKey, str]]] = {
    "constant": constant,
    "text-only": text_only,
}


def _candidates(items: Sequence[Item], form: AnswerForm) -> list[str]:
    if form is AnswerForm.MCQ:
        return sorted({option.key for item in items for option in item.answer.options})
    common = Counter(gold for item in items if (gold := _gold(item)))
    return [text for text, _ in common.most_common(_CANDIDATES)]


def _gold(item: Item) -> str:
    gold = item.answer.gold_at(item.t_ask)
    return _spoken(gold) if gold else ""


def _spoken(gold: Gold) -> str:
    if isinstance(gold.value, bool):
        return "yes" if gold.value else "no"
    return gold.text if gold.value is None else str(gold.value)


class _Tally(NamedTuple):
    """How often each word was in a right option, and in any."""

    right: Counter[str]
    all: Counter[str]


def _bayes(items: Sequence[Item]) -> dict[ItemKey, str]:
    tallies: dict[int, _Tally] = defaultdict(lambda: _Tally(Counter(), Counter()))
    for item in items:
        _count(item, tallies[item.video])
    total = _Tally(Counter(), Counter())
    for tally in tallies.values():
        total.right.update(tally.right)
        total.all.update(tally.all)
    return {item.key: _pick(item, total, tallies[item.video]) for item in items}


def _count(item: Item, tally: _Tally) -> None:
    gold = item.answer.gold_at(item.t_ask)
    for option in item.answer.options:
        words = [*_words(item, option), ""]
        tally.all.update(words)
        if gold is not None and option.key == gold.value:
            tally.right.update(words)


def _words(item: Item, option: Option) -> set[str]:
    text = normalise(option.text)
    asked = set(re.findall(r"\w+", normalise(item.question)))
    words = {f"label {option.key}", f"text {text}", f"length {len(text.split())}"}
    words |= {f"word {word}" for word in re.findall(r"\w+", text)}
    return words | {f"{word} ? {text}" for word in asked} | ({"said before"} if text in asked else set())


def _pick(item: Item, total: _Tally, own: _Tally) -> str:
    def weight(option: Option) -> float:
        return sum(_speaks(word, total, own) for word in _words(item, option))

    scored = [
        (round(weight(option), 9), _arbitrary(item, option), option.key) for option in item.answer.options
    ]
    return max(scored)[2] if scored else ""


def _speaks(word: str, total: _Tally, own: _Tally) -> float:
    """Log odds of a word in the other videos; 0 unless it departs from the share of right options."""
    seen, hits = total.all[word] - own.all[word], total.right[word] - own.right[word]
    options, rights = total.all[""] - own.all[""], total.right[""] - own.right[""]
    if not seen or not rights or rights == options:
        return 0.0
    share = rights / options
    if abs(hits - seen * share) < _DEPARTS * math.sqrt(seen * share * (1 - share)):
        return 0.0
    odds = (hits + _SMOOTH) / (seen - hits + _SMOOTH)
    return math.log(odds) - math.log(share / (1 - share))


def _arbitrary(item: Item, option: Option) -> str:
    return hashlib.sha1(f"{item.key}\0{option.key}".encode()).hexdigest()


def _majority(items: Iterable[Item]) -> dict[ItemKey, str]:
    """For other forms: the other videos' most common answer to the same question, else of the same form."""
    held = list(items)
    totals: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    own: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
    for item in held:
        if gold := _gold(item):
            for asked in (normalise(item.question), ""):
                totals[item.answer.form, asked][gold] += 1
                own[item.video, item.answer.form, asked][gold] += 1
    said = {}
    for item in held:
        answers = [
            totals[item.answer.form, asked] - own[item.video, item.answer.form, asked]
            for asked in (normalise(item.question), "")
        ]
        best = next((counter for counter in answers if counter), Counter())
        said[item.key] = min(best, key=lambda text: (-best[text], text)) if best else ""
    return said

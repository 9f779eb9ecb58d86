"""Blind baselines: answers of whoever never looks. They are judged by the same scorers as the systems.

`constant` says the same thing always, the best such thing in hindsight; `always` says yes, READY or speaks at
every tick; `never` the opposite. `timer-k` knows only how long ago it was asked (bench/scoring/timer.py), and
`text-only` only the text (bench/scoring/textonly.py); both learn from all other videos. `no-history` is
`text-only` without the earlier answers of its chain.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench.data.schema import AnswerForm, Part
from bench.scoring.answers import NO, WAIT, YES, is_positive
from bench.scoring.base import Emission, Item, Rules, Said, gold_at
from bench.scoring.clue import STATES, grid
from bench.scoring.official.counts import mra
from bench.scoring.textonly import picks, spoken
from bench.scoring.timer import alarm_times, state_times

__all__ = ["BASELINES", "SILENT", "Blind"]

Blind = Callable[[Sequence[Item], Rules], list[Said]]
SILENT = Said("")
_CANDIDATES = 20
_COUNT = re.compile(r"-?\d{1,12}(\.\d+)?")


def constant(items: Sequence[Item], rules: Rules) -> list[Said]:
    """By form of answer, the one answer that is right most often; for counts, that is nearest."""
    forms: dict[AnswerForm, Counter[str]] = defaultdict(Counter)
    for item in items:
        if gold := _gold(item):
            forms[item.form][gold] += 1
    best = {form: Said(_best(form, counter)) for form, counter in forms.items()}
    return [_state(item, rules, best.get(item.form, SILENT).raw) for item in items]


def always(items: Sequence[Item], rules: Rules) -> list[Said]:
    """Yes; READY with what the text suggests; an alarm at every tick."""
    if items and items[0].part is Part.PROACTIVE:
        return [_alarms(item, grid(item, rules.tick_s)) for item in items]
    said = _ready(items)
    return [_state(item, rules, answer) for item, answer in zip(items, said, strict=True)]


def never(items: Sequence[Item], rules: Rules) -> list[Said]:
    """No; WAIT; none; silence."""
    if items and items[0].part is Part.PROACTIVE:
        return [SILENT] * len(items)
    return [_state(item, rules, _nothing(item)) for item in items]


def timer(items: Sequence[Item], rules: Rules) -> list[Said]:
    """Speaks, or says yes or READY from then on, k seconds after the ask; k is fitted on all other videos."""
    if items and items[0].part is Part.PROACTIVE:
        alarms = alarm_times(items, rules)
        return [_alarms(item, [] if t is None else [t]) for item, t in zip(items, alarms, strict=True)]
    said, times = _ready(items), state_times(items, rules)
    return [_state(item, rules, answer, from_s=t) for item, answer, t in zip(items, said, times, strict=True)]


def text_only(items: Sequence[Item], rules: Rules, *, history: bool = True) -> list[Said]:
    """What a reader of the text would say, who knows the answers of all other videos."""
    return [
        _state(item, rules, answer) for item, answer in zip(items, picks(items, history=history), strict=True)
    ]


BASELINES: Mapping[str, Blind] = {
    "constant": constant,
    "always": always,
    "never": never,
    "timer-k": timer,
    "text-only": text_only,
    "no-history": partial(text_only, history=False),
}


def _state(item: Item, rules: Rules, answer: str, *, from_s: float | None = None) -> Said:
    """The answer, from `from_s` on (never: infinity), and until then its opposite."""
    if item.standing is None:
        late = from_s is not None and item.form in STATES and item.t_ask < from_s - 1e-9
        return Said(_nothing(item) if late else answer)
    if from_s is None or item.form not in STATES:
        return Said(answer, emissions=(Emission(item.t_ask, answer),))
    first = Emission(item.t_ask, _nothing(item))
    return Said("", emissions=(first, Emission(from_s, answer)) if from_s < float("inf") else (first,))


def _alarms(item: Item, times: Sequence[float]) -> Said:
    if item.standing is None:
        return Said("." if times else "")
    return Said("", emissions=tuple(Emission(t) for t in times if t <= item.standing.until))


def _ready(items: Sequence[Item]) -> list[str]:
    """Yes; for WAIT or READY the answer that the text suggests."""
    said = picks(items, ready=True)
    return [YES if item.form is AnswerForm.YES_NO else raw for item, raw in zip(items, said, strict=True)]


def _nothing(item: Item) -> str:
    if item.form is AnswerForm.YES_NO:
        return NO
    if item.form is AnswerForm.SUFFICIENCY:
        return WAIT
    return "0" if item.form is AnswerForm.COUNT else ""


def _gold(item: Item) -> str:
    gold = gold_at(item, item.t_ask)
    if gold is None:
        return ""
    if item.form is AnswerForm.SUFFICIENCY and not is_positive(gold):
        return WAIT
    return spoken(gold)


def _best(form: AnswerForm, golds: Counter[str]) -> str:
    counts = {text: float(text) for text in golds if _COUNT.fullmatch(text)}
    if form is not AnswerForm.COUNT or not counts:
        return min(golds, key=lambda text: (-golds[text], text))
    tried = sorted(counts, key=lambda text: (-golds[text], text))[:_CANDIDATES]
    near = {said: sum(golds[g] * mra(counts[said], counts[g]) for g in counts) for said in tried}
    return min(tried, key=lambda text: (-near[text], text))

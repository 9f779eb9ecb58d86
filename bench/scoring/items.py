"""From samples to what is judged: one item for each final that a path owes.

A question at a forced time is an item of its own, probe by probe. A standing question is one item: proactive
ones, and those of `clue` in dense mode. It stands until the video ends, its horizon is over, or the next
proactive question of the same video is asked; nothing in that depends on the gold.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from bench.data.schema import AnswerForm, Gold, Part, Sample, Turn
from bench.scoring.answers import Option
from bench.scoring.base import EPSILON_S, Due, GoldAt, Item, ItemKey, Rules, Standing, gold_at

__all__ = ["has_gold", "items_of"]

_SPEAKING = frozenset({AnswerForm.ALERT, AnswerForm.EMIT, AnswerForm.MULTI_REPLY})


def items_of(samples: Iterable[Sample], rules: Rules) -> Iterator[Item]:
    """Every item in the order of the samples, which are passed over once; those that speak come last."""
    maker, speaking = _Maker(rules), []
    for sample in samples:
        for number, turn in enumerate(sample.turns):
            waits = speaks_by_itself(sample.part, turn) and not is_polled(turn, rules)
            for item in maker.items(sample, number, turn):
                if waits:
                    speaking.append(item)
                else:
                    yield item
    yield from _until_next_ask(speaking)


def has_gold(item: Item) -> bool:
    """Whether there is anything to judge by; who must not speak, or chooses when, needs no gold answer."""
    if item.form is AnswerForm.SILENCE or (item.standing and item.part is Part.PROACTIVE):
        return True
    if item.standing:
        return bool(item.gold)
    return gold_at(item, item.t_ask) is not None


def speaks_by_itself(part: Part, turn: Turn) -> bool:
    """Whether the system chooses when to answer."""
    return part is Part.PROACTIVE and (turn.answer.form in _SPEAKING or turn.trigger is not None)


def is_polled(turn: Turn, rules: Rules) -> bool:
    """Whether an official protocol asks it at set times."""
    return rules.proactive == "poll" and turn.trigger is not None and turn.trigger.poll is not None


class _Maker:
    """Makes items; equal options and equal gold are held once."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._videos: dict[str, int] = {}
        self._options: dict[tuple[Option, ...], tuple[Option, ...]] = {}
        self._golds: dict[tuple[tuple[GoldAt, ...], tuple[type, ...]], tuple[GoldAt, ...]] = {}

    def items(self, sample: Sample, number: int, turn: Turn) -> Iterator[Item]:
        """The items of one turn."""
        video = self._videos.setdefault(sample.video, len(self._videos))
        options = tuple(Option(option.key, option.text) for option in turn.answer.options)
        duration = sample.streams[0].duration_s
        golds = tuple(_gold(gold, duration) for gold in turn.answer.gold)
        common = (
            turn.answer.form,
            self._options.setdefault(options, options),
            self._golds.setdefault((golds, _types(golds)), golds),
            tuple((e.span.from_s, e.span.to_s) for e in turn.evidence),
        )
        standing = self._standing(sample, turn)
        times = (turn.ask_s,) if standing else turn.asks
        in_order = all(a.to_s <= b.from_s for a, b in pairwise(golds))
        for probe, t in enumerate(times):
            key = ItemKey(sample.id, number, probe)
            named = (key, sample.part, sample.task, video, turn.question)
            yield Item(*named, t, turn.ask_s, *common, standing, in_order)

    def _standing(self, sample: Sample, turn: Turn) -> Standing | None:
        if speaks_by_itself(sample.part, turn):
            until = self._until(sample, turn)
            return Standing(until, tuple(_due(turn, until)))
        if sample.part is Part.CLUE and self._rules.clue == "dense":
            return Standing(self._until(sample, turn))
        return None

    def _until(self, sample: Sample, turn: Turn) -> float:
        if is_polled(turn, self._rules) and turn.trigger and turn.trigger.poll:
            return max(turn.trigger.poll.to_s, turn.ask_s)
        until = turn.ask_s + self._rules.horizon_s
        if (duration := sample.streams[0].duration_s) is not None:
            until = min(until, duration)
        return max(until, turn.ask_s)


def _until_next_ask(items: Sequence[Item]) -> Iterator[Item]:
    """Who watches for one thing watches no longer for the one before."""
    asks: dict[int, set[float]] = defaultdict(set)
    for item in items:
        asks[item.video].add(item.t_ask)
    starts = {video: sorted(times) for video, times in asks.items()}
    for item in items:
        later = starts[item.video][bisect_right(starts[item.video], item.t_ask) :][:1]
        yield _ending(item, later[0]) if later else item


def _ending(item: Item, t: float) -> Item:
    standing = item.standing
    if standing is None or standing.until <= t:
        return item
    due = tuple(d for d in standing.due if d.at <= t + EPSILON_S)
    return item._replace(standing=Standing(t, due))


def _due(turn: Turn, until: float) -> list[Due]:
    """When to speak, from the ask to the end of the question; spans where there are any, else points."""
    trigger = turn.trigger
    if trigger is None:
        return []
    slack = trigger.tolerance_s
    spans = [(span.from_s, span.to_s) for span in trigger.gold_spans] or [(t, t) for t in trigger.gold_s]
    due = [Due(low, low - slack, high + slack, _due_text(turn, low)) for low, high in spans]
    return sorted(d for d in due if turn.ask_s - EPSILON_S <= d.high - slack and d.at <= until + EPSILON_S)


def _due_text(turn: Turn, t: float) -> str:
    gold = turn.answer.gold_at(t)
    return gold.text if gold is not None else ""


def _types(golds: Iterable[GoldAt]) -> tuple[type, ...]:
    """No and zero are equal, but not the same."""
    return tuple(type(gold.value) for gold in golds)


def _gold(gold: Gold, duration_s: float | None) -> GoldAt:
    """Behind the end of the video nothing changes: what held there is still right for an answer that comes later."""
    from_s = -math.inf if gold.from_s is None else gold.from_s
    ends = gold.to_s is not None and (duration_s is None or gold.to_s < duration_s)
    return GoldAt(from_s, gold.to_s if ends and gold.to_s is not None else math.inf, gold.value, gold.text)

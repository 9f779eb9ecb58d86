"""The finals of questions that are asked once, joined with what is right at every instant.

Latency counts from the ask: live, by the broker's time stamps; in the other modes, where the stream waits for
its answers, it is the bench's own measurement, and the emission is put at ask + latency.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bench.data.schema import Sample
from bench.run.lines import SeenLine
from bench.scoring.answers import parse_answer
from bench.scoring.base import Item, ItemKey, Rules, Said, gold_at
from bench.scoring.choice import is_right, is_text, text_asks
from bench.scoring.items import has_gold, items_of
from bench.scoring.reading import raw_of

__all__ = ["Answered", "answered"]


class Answered(NamedTuple):
    """One final on one path."""

    item: Item
    path: str
    ok: bool
    """Whether there is an answer; failures are wrong whenever they come."""
    raw: str
    latency_s: float | None
    """Seconds from the ask to the emission; null where it was not measured."""
    seen_to_s: float | None
    """Stream time of the newest frame in the prompt."""

    @property
    def t_emit(self) -> float | None:
        """Stream time of the emission."""
        return None if self.latency_s is None else self.item.t_ask + self.latency_s

    def right_at(self, t: float, rules: Rules) -> bool:
        """Whether the answer equals the gold of stream time `t`; where no gold holds, it does not."""
        if not self.ok:
            return False
        parsed = parse_answer(self.raw, self.item.form, self.item.options)
        return is_right(self.item, self.raw, parsed, gold_at(self.item, t), rules)

    def changes(self, until: float) -> list[float]:
        """The stream times between ask and `until` at which another gold may begin to hold, in order."""
        edges = {edge for gold in self.item.gold for edge in (gold.from_s, gold.to_s)}
        return sorted(edge for edge in edges if self.item.t_ask < edge < until)


def answered(samples: Iterable[Sample], lines: Iterable[SeenLine], rules: Rules) -> list[Answered]:
    """Every final of a question at a forced time, of the items that can be judged, in the order of the records."""
    items = {item.key: item for item in items_of(samples, rules) if item.standing is None and has_gold(item)}
    found = list(_joined(items, lines))
    rules.grader.prepare(
        ask
        for one in found
        if one.ok and is_text(one.item)
        for ask in text_asks(one.item, Said(one.raw, t_emit=one.t_emit))
    )
    return found


def _joined(items: dict[ItemKey, Item], lines: Iterable[SeenLine]) -> Iterator[Answered]:
    done: set[tuple[ItemKey, str]] = set()
    for line in lines:
        key = ItemKey(line.sample, line.turn, line.probe)
        if line.kind != "final" or (item := items.get(key)) is None or (key, line.path) in done:
            continue
        done.add((key, line.path))
        latency = line.latency_s
        if line.mode == "live" and line.t_emit is not None:
            latency = max(0.0, line.t_emit - line.t_ask)
        yield Answered(item, line.path, line.status == "ok", raw_of(item, line), latency, line.seen_to_s)

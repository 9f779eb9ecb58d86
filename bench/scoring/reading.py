"""Records are read one by one, joined with the items they are about, and judged.

Answers that are judged alone are judged at once. What needs more waits to the end of the records: standing
questions for all their emissions, and free text, which a judge model grades in batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.data.schema import AnswerForm, Part
from bench.run.lines import ScoredLine
from bench.scoring.base import Emission, Item, ItemKey, PartScorer, Rules, Said
from bench.scoring.book import Book, Ledger
from bench.scoring.choice import is_text, text_asks
from bench.scoring.items import has_gold
from bench.scoring.latency import SYSTEM, Stopwatch
from shared.messages import Path, Status

__all__ = ["Reader", "raw_of"]

_LABELLED = frozenset({AnswerForm.MCQ, AnswerForm.YES_NO, AnswerForm.SUFFICIENCY})
_PATHS = [str(path) for path in Path]


@dataclass
class _Standing:
    """What has come of one standing question on one path."""

    final: Said | None = None
    emissions: dict[int, Emission] = field(default_factory=dict)
    """By tick, or by poll."""


class Reader:
    """Joins records with items; feed it by `read`, then take the books."""

    def __init__(self, items: Iterable[Item], scorers: Mapping[Part, PartScorer], rules: Rules) -> None:
        self.stopwatch = Stopwatch()
        self.without_gold: dict[Part, int] = defaultdict(int)
        self._scorers, self._rules = scorers, rules
        self._items: dict[Part, list[Item]] = {part: [] for part in scorers}
        self._places: dict[ItemKey, tuple[Part, int]] = {}
        for item in items:
            self._take(item)
        self._ledgers: dict[tuple[Part, str], Ledger] = {}
        self._system: dict[tuple[Part, int], float] = {}
        """Of a routed run: seconds until the answer that counts, S2's where both are there."""
        self._standing: dict[tuple[Part, str, int], _Standing] = {}
        self._texts: dict[tuple[Part, str, int], Said] = {}

    def items(self, part: Part) -> Sequence[Item]:
        """The items of a part that can be judged, in order."""
        return self._items[part]

    def read(self, lines: Iterable[ScoredLine]) -> None:
        """Join and judge; what is not in the data set is passed over."""
        for line in lines:
            found = self._places.get(ItemKey(line.sample, line.turn, line.probe))
            if found is None:
                continue
            part, place = found
            if line.status == "ok":
                self.stopwatch.count(part, line)
                if line.kind == "final":
                    self.stopwatch.add(part, line)
                    self._time_system(part, place, line)
            if place >= 0:
                self._put(part, place, line)
        self._finish()

    def books(self, part: Part) -> dict[str, Book]:
        """The verdicts of a part by path, S1 before S2."""
        found = {path: ledger for (of, path), ledger in self._ledgers.items() if of is part}
        return {path: found[path].book() for path in sorted(found, key=_order)}

    def _take(self, item: Item) -> None:
        items = self._items[item.part]
        if has_gold(item):
            self._places[item.key] = (item.part, len(items))
            items.append(item)
        else:
            self._places[item.key] = (item.part, -1)
            self.without_gold[item.part] += 1

    def _put(self, part: Part, place: int, line: ScoredLine) -> None:
        item = self._items[part][place]
        if item.standing is not None:
            self._stand(item, (part, line.path, place), line)
        elif line.kind == "final":
            said = _said(item, line)
            if line.status == "ok" and is_text(item):
                self._texts.setdefault((part, line.path, place), said)
            else:
                self._judge(part, line.path, place, said)

    def _judge(self, part: Part, path: str, place: int, said: Said) -> None:
        scorer = self._scorers[part]
        ledger = self._ledgers.get((part, path))
        if ledger is None:
            ledger = self._ledgers[part, path] = Ledger(self._items[part], scorer.columns)
        if not ledger.holds(place):
            ledger.add(place, said.status, scorer.judge(self._items[part][place], said, self._rules))

    def _stand(self, item: Item, key: tuple[Part, str, int], line: ScoredLine) -> None:
        held = self._standing.setdefault(key, _Standing())
        if line.kind == "final":
            held.final = held.final or _said(item, line)
        elif line.speak is not False:
            tick = line.tick or 0
            t = line.t_ask + tick * self._rules.tick_s if line.t_emit is None else line.t_emit
            held.emissions.setdefault(tick, Emission(t, raw_of(item, line)))

    def _time_system(self, part: Part, place: int, line: ScoredLine) -> None:
        if self._rules.owes is None and place >= 0 and line.latency_s is not None:
            if line.path == Path.S2.value:
                self._system[part, place] = line.latency_s
            else:
                self._system.setdefault((part, place), line.latency_s)

    def _finish(self) -> None:
        for (part, _), seconds in self._system.items():
            self.stopwatch.add_seconds(part, SYSTEM, seconds)
        self._rules.grader.prepare(
            ask
            for (part, _, place), said in self._texts.items()
            for ask in text_asks(self._items[part][place], said)
        )
        for (part, path, place), said in self._texts.items():
            self._judge(part, path, place, said)
        for (part, path, place), held in self._standing.items():
            if held.final is not None:
                emissions = tuple(sorted(held.emissions.values()))
                self._judge(part, path, place, held.final._replace(emissions=emissions))
        self._texts.clear()
        self._standing.clear()


def _order(path: str) -> tuple[int, str]:
    return (_PATHS.index(path) if path in _PATHS else len(_PATHS), path)


def raw_of(item: Item, line: ScoredLine) -> str:
    """What was said; where there are labels, the one that the system itself chose."""
    return line.choice if line.choice is not None and item.form in _LABELLED else line.raw


def _said(item: Item, line: ScoredLine) -> Said:
    status = Status(line.status)
    return Said(raw_of(item, line), status, line.t_emit if line.mode == "live" else None)

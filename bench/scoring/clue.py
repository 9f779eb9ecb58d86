"""Part `clue`: a question stands, and its evidence comes later; the gold is a function of time.

Probes: an answer is forced at set times, and each is judged by the gold of its instant. Dense: the state is
followed on a grid, and at each grid time the last emission up to then counts (streaming pairing: Li, Wang &
Ramanan, ECCV 2020); no emission yet is a miss. Each grid time weighs its length in seconds.

Primary score: balanced accuracy over the gold states, WAIT and no against READY and yes; READY needs the
answer right too, so that "always yes" scores at most one half. Counts have a score of their own, mean
relative accuracy. Where there are neither, it is accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bench.data.schema import AnswerForm, Part
from bench.scoring.answers import NO, WAIT, is_positive, parse_answer
from bench.scoring.base import EPSILON_S, GoldAt, Item, Rules, Said, Verdict, gold_at
from bench.scoring.book import Book
from bench.scoring.choice import is_right
from bench.scoring.ladder import Parsed
from bench.scoring.measures import Measure, balanced, of, ratio
from bench.scoring.official.counts import mra
from shared.messages import Status

__all__ = ["STATES", "Clue", "grid"]

STATES = frozenset({AnswerForm.YES_NO, AnswerForm.SUFFICIENCY})
_BEFORE, _AFTER, _COUNT, _OTHER, _PREMATURE = (0, 1), (2, 3), (4, 5), (6, 7), 8
_COLUMNS = 9
_UNREAD = Parsed(None, None)  # type: ignore[arg-type]


class Clue:
    """The rules of `clue`."""

    part = Part.CLUE
    columns = _COLUMNS
    slices: Sequence[str] = ()
    baselines: Sequence[str] = ("always", "never", "constant", "text-only", "timer-k")

    def slice_of(self, item: Item, rules: Rules) -> str:
        """None."""
        return ""

    def judge(self, item: Item, said: Said, rules: Rules) -> Verdict:
        """One probe, or in dense mode the whole course of the state."""
        return _judge_dense(item, said, rules) if item.standing else _judge_probe(item, said, rules)

    def measures(self, book: Book) -> list[Measure]:
        """Balanced accuracy of the states; mean relative accuracy of counts; accuracy of what is left."""
        forms = {item.form for item in book.items}
        made = []
        if forms & STATES:
            columns = (*_BEFORE, *_AFTER)
            made.append(of("balanced accuracy", book.tallies, columns, book.videos, balanced))
        if AnswerForm.COUNT in forms:
            made.append(of("mean relative accuracy", book.tallies, _COUNT, book.videos))
        if forms - STATES - {AnswerForm.COUNT} or not made:
            made.append(of("accuracy", book.tallies, _OTHER, book.videos))
        return made

    def details(self, book: Book) -> dict[str, Any]:
        """Accuracy in each state, exact counts, when READY was first said, and how often too early."""
        sums = book.tallies.sum(axis=0)
        return {
            "accuracy_before": _share(sums[list(_BEFORE)]),
            "accuracy_after": _share(sums[list(_AFTER)]),
            "exact_counts": _exact(book),
            "first_ready": _first_ready(book),
        }


def grid(item: Item, tick_s: float) -> list[float]:
    """The times at which a standing question is looked at: from its ask to its end, both included."""
    until = item.standing.until if item.standing else item.t_ask
    count = int((until - item.t_ask) / tick_s + 1e-9)
    return [round(item.t_ask + k * tick_s, 6) for k in range(count + 1)]


def _judge_probe(item: Item, said: Said, rules: Rules) -> Verdict:
    at_ask = gold_at(item, item.t_ask)
    if said.status != Status.OK:
        return Verdict(None, None, False, False, _tally(item, _UNREAD, at_ask, False, 1.0))
    parsed = parse_answer(said.raw, item.form, item.options)
    gold, t = (at_ask, item.t_ask) if said.t_emit is None else (gold_at(item, said.t_emit), said.t_emit)
    first = is_right(item, said.raw, parsed, at_ask, rules)
    last = first if gold is at_ask else is_right(item, said.raw, parsed, gold, rules)
    tally = _tally(item, parsed, gold or at_ask, last, 1.0)
    delays = () if gold is None else _delay(item, parsed, gold, t)
    return Verdict(parsed.value, parsed.rung, last, first, tally, delays)


def _judge_dense(item: Item, said: Said, rules: Rules) -> Verdict:
    total, wrong, parsed = [0.0] * _COLUMNS, 0, _UNREAD
    delays: tuple[float, ...] = ()
    changes, at = said.emissions, 0
    read = [parse_answer(change.raw, item.form, item.options) for change in changes]
    for t in grid(item, rules.tick_s):
        while at < len(changes) and changes[at].t <= t + EPSILON_S:
            at += 1
        if (gold := gold_at(item, t)) is None:
            continue
        parsed = read[at - 1] if at and said.status == Status.OK else _UNREAD
        hit = parsed is not _UNREAD and is_right(item, changes[at - 1].raw, parsed, gold, rules)
        wrong += not hit
        tally = _tally(item, parsed, gold, hit, rules.tick_s)
        total = [a + b for a, b in zip(total, tally, strict=True)]
        delays = delays or _delay(item, parsed, gold, t)
    note = {"states": [[change.t, state.value] for change, state in zip(changes, read, strict=True)]}
    rung = read[-1].rung if read and said.status == Status.OK else None
    return Verdict(parsed.value, rung, not wrong, not wrong, tuple(total), delays, note)


def _tally(item: Item, parsed: Parsed, gold: GoldAt | None, hit: bool, weight: float) -> tuple[float, ...]:
    row = [0.0] * _COLUMNS
    if item.form in STATES:
        after = gold is not None and is_positive(gold)
        right, asked = _AFTER if after else _BEFORE
        row[_PREMATURE] = weight * (not after and _says_it_is_time(parsed))
    elif item.form is AnswerForm.COUNT:
        right, asked = _COUNT
        row[right], row[asked] = weight * _relative(parsed, gold), weight
        return tuple(row)
    else:
        right, asked = _OTHER
    row[right], row[asked] = weight * hit, weight
    return tuple(row)


def _says_it_is_time(parsed: Parsed) -> bool:
    return parsed.value is not None and parsed.value not in (WAIT, NO)


def _relative(parsed: Parsed, gold: GoldAt | None) -> float:
    if gold is None or parsed.value is None:
        return 0.0
    try:
        return mra(float(parsed.value), float(gold.text if gold.value is None else gold.value))
    except ValueError:
        return 0.0


def _delay(item: Item, parsed: Parsed, gold: GoldAt, t: float) -> tuple[float, ...]:
    """Seconds since it could be known, where it can, and the answer says so."""
    if item.form not in STATES or not is_positive(gold) or not _says_it_is_time(parsed):
        return ()
    known = max(_since(item, gold), item.since)
    return (round(t - known, 6),)


def _since(item: Item, gold: GoldAt) -> float:
    """When the state of a gold began: what is to be answered may change while it lasts."""
    start = gold.from_s
    for before in reversed(item.gold[: item.gold.index(gold)]):
        if before.to_s != start or not is_positive(before):
            break
        start = before.from_s
    return start


def _share(pair: Sequence[float] | np.ndarray[Any, Any]) -> float | None:
    value = float(ratio(np.asarray(pair, dtype=np.float64)))
    return None if math.isnan(value) else round(value, 6)


def _exact(book: Book) -> float | None:
    counts = np.array([item.form is AnswerForm.COUNT for item in book.judged()], dtype=np.bool_)
    return round(float(book.correct[counts].mean()), 6) if counts.any() else None


def _first_ready(book: Book) -> dict[str, Any]:
    """Of the questions asked before their clue: how many were answered too early. After it: when they were."""
    open_, early, known, delays = 0, 0, 0, []
    for rows in _by_turn(book):
        sums = book.tallies[rows].sum(axis=0)
        open_ += bool(sums[_BEFORE[1]])
        early += bool(sums[_PREMATURE])
        known += bool(sums[_AFTER[1]])
        first = [min(book.delays[p]) for p in book.places[rows].tolist() if p in book.delays]
        delays += [min(first)] if first else []
    return {
        "asked_before": open_,
        "premature_rate": round(early / open_, 6) if open_ else None,
        "asked_after": known,
        "reached": len(delays),
        "delay_p50_s": _percentile(delays, 50),
        "delay_p90_s": _percentile(delays, 90),
    }


def _by_turn(book: Book) -> Iterator[slice]:
    """Rows of one question; its probes stand together."""
    start, of_turn = 0, None
    for row, place in enumerate(book.places.tolist()):
        key = book.items[place].key[:2]
        if key != of_turn:
            if row > start:
                yield slice(start, row)
            start, of_turn = row, key
    if len(book) > start:
        yield slice(start, len(book))


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 6) if values else None

"""The numbers of one part: rows by path, baselines beneath them, S2 against S1, slices by where evidence lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench.scoring.base import Item, PartScorer, Rules
from bench.scoring.baselines import BASELINES
from bench.scoring.book import Book, Ledger
from bench.scoring.choice import is_text, text_asks
from bench.scoring.contrast import common, contrast
from bench.scoring.latency import SYSTEM
from bench.scoring.measures import Measure
from bench.scoring.scores import Baseline, Pair, PartScores, Row, Score, Slice, TaskScore
from bench.scoring.stats import Estimate, estimate, measured, paired
from shared.messages import Path, Status

__all__ = ["PartInput", "blind_books", "part_scores"]


class PartInput(NamedTuple):
    """All that a part's numbers are made of."""

    scorer: PartScorer
    items: Sequence[Item]
    books: Mapping[str, Book]
    """By path, in the order of reports."""
    blind: Mapping[str, Book]
    """By baseline."""
    without_gold: int
    rules: Rules


def part_scores(given: PartInput) -> PartScores:
    """The numbers of one part."""
    seed = given.rules.seed
    baselines = [
        Baseline(name=name, primary=first, scores=tuple(rest), accuracy=_accuracy(book, seed))
        for name, book in given.blind.items()
        for first, *rest in [_scores(given, book)]
    ]
    best = _best(baselines)
    sizes = [len(item.options) for item in given.items]
    return PartScores(
        part=given.scorer.part,
        metric=given.scorer.measures(_empty(given))[0].name,
        questions=len(given.items),
        without_gold=given.without_gold,
        chance=round(sum(1 / size for size in sizes) / len(sizes), 6) if sizes and all(sizes) else None,
        rows=tuple(_rows(given, best)),
        baselines=tuple(baselines),
        pair=_pair(given),
        slices=tuple(_slices(given)),
    )


def blind_books(scorer: PartScorer, items: Sequence[Item], rules: Rules) -> dict[str, Book]:
    """What each baseline of the part says, judged like anybody's answers."""
    at_ask = rules._replace(live=False)
    books = {}
    for name in scorer.baselines:
        ledger = Ledger(items, scorer.columns)
        answers = BASELINES[name](items, at_ask)
        texts = ((item, said) for item, said in zip(items, answers, strict=True) if is_text(item))
        at_ask.grader.prepare(ask for item, said in texts for ask in text_asks(item, said))
        for place, said in enumerate(answers):
            verdict = scorer.judge(items[place], said, at_ask)
            ledger.add(place, Status.OK, verdict._replace(note=None))
        books[name] = ledger.book()
    return books


def _empty(given: PartInput) -> Book:
    return Ledger(given.items, given.scorer.columns).book()


def _scores(given: PartInput, book: Book, best: Mapping[str, float] | None = None) -> list[Score]:
    """Every score of a book; with `best`, what it has over the best baseline."""
    made = []
    for measure in given.scorer.measures(book):
        found = measured(measure, seed=given.rules.seed)
        skill = None
        floor = (best or {}).get(measure.name)
        if found.value is not None and floor is not None and floor < 1 and measure.unit == "share":
            skill = round((found.value - floor) / (1 - floor), 6)
        made.append(Score(name=measure.name, unit=measure.unit, estimate=found, skill=skill))
    return made


def _best(baselines: Sequence[Baseline]) -> dict[str, float]:
    best: dict[str, float] = {}
    for baseline in baselines:
        for score in (baseline.primary, *baseline.scores):
            if score.estimate.value is not None:
                best[score.name] = max(best.get(score.name, -np.inf), score.estimate.value)
    return best


def _rows(given: PartInput, best: Mapping[str, float]) -> list[Row]:
    owes, total = given.rules.owes, len(given.items)
    if owes is not None:
        empty = _empty(given)
        return [_row(given, path, given.books.get(path, empty), total, best) for path in owes]
    rows = [_row(given, path, book, len(book), best) for path, book in given.books.items()]
    return [*rows, _row(given, SYSTEM, system_book(given), total, best)]


def system_book(given: PartInput) -> Book:
    """One verdict a question: that of the path it was sent to; of S1 and S2 that of S2, which came to revise."""
    ledger = Ledger(given.items, given.scorer.columns)
    for book in reversed(list(given.books.values())):
        for row, place in enumerate(book.places.tolist()):
            if not ledger.holds(place):
                ledger.copy(book, row)
    return ledger.book()


def _row(given: PartInput, path: str, book: Book, owed: int, best: Mapping[str, float]) -> Row:
    first, *rest = _scores(given, book, best)
    tasks = _tasks(given, book)
    statuses = book.by_status()
    return Row(
        path=path,
        owed=owed,
        coverage=round(len(book) / owed, 6) if owed else 1.0,
        primary=first,
        scores=tuple(rest),
        accuracy=_accuracy(book, given.rules.seed),
        accuracy_at_ask=_mean(book.correct_at_ask),
        task_macro=_mean([task.score for task in tasks.values() if task.score is not None]),
        tasks=tasks,
        skill=first.skill,
        ok=statuses[Status.OK],
        timeout=statuses[Status.TIMEOUT],
        error=statuses[Status.ERROR],
        refused=statuses[Status.REFUSED],
        rungs=book.by_rung(),
        details=given.scorer.details(book) if len(book) else {},
    )


def _tasks(given: PartInput, book: Book) -> dict[str, TaskScore]:
    names = np.array([item.task for item in book.judged()], dtype=object)
    made = {}
    for task in sorted(set(names)):
        own = book.only(names == task)
        measure, value = _telling(given.scorer.measures(own))
        made[task] = TaskScore(n=len(own), accuracy=_mean(own.correct), metric=measure.name, score=value)
    return made


def _telling(measures: Sequence[Measure]) -> tuple[Measure, float | None]:
    """The first measure that has a value here."""
    for measure in measures:
        if len(measure.sums):
            value = float(measure.value(measure.sums.sum(axis=0)))
            return measure, None if np.isnan(value) else round(value, 6)
    return measures[0], None


def _both(given: PartInput) -> tuple[Book, Book] | None:
    """The verdicts of S1 and S2 on the questions that both have one on."""
    s1, s2 = given.books.get(Path.S1), given.books.get(Path.S2)
    if s1 is None or s2 is None:
        return None
    books = common(s1, s2)
    return books if len(books[0]) else None


def _pair(given: PartInput) -> Pair | None:
    books = _both(given)
    if books is None:
        return None
    made = contrast(given.scorer, *books, seed=given.rules.seed)
    return Pair(
        metric=given.scorer.measures(books[0])[0].name,
        n=made.n,
        s1=made.values[0],
        s2=made.values[1],
        gain=made.gain,
        p_sign_flip=made.p_sign_flip,
        s1_only=made.only[0],
        s2_only=made.only[1],
        p_mcnemar=made.p_mcnemar,
    )


def _slices(given: PartInput) -> list[Slice]:
    """For parts that have slices, and only where both paths answered the same questions."""
    books = _both(given) if given.scorer.slices else None
    if books is None:
        return []
    where = np.array([given.scorer.slice_of(item, given.rules) for item in books[0].judged()], dtype=object)
    groups = {"all": where == where, **{name: where == name for name in map(str, given.scorer.slices)}}
    return [_slice(given, name, books, rows) for name, rows in groups.items() if rows.any()]


def _slice(
    given: PartInput, name: str, books: tuple[Book, Book], rows: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Slice:
    s1, s2 = (book.only(rows) for book in books)
    seed, videos = given.rules.seed, s1.videos.tolist()
    first, second = s1.correct.astype(float).tolist(), s2.correct.astype(float).tolist()
    return Slice(
        name=name,
        n=len(s1),
        s1=estimate(first, videos, seed=seed),
        s2=estimate(second, videos, seed=seed),
        gain=paired(first, second, videos, seed=seed),
        text_only=_blind(given, "text-only", s1),
        constant=_blind(given, "constant", s1),
    )


def _blind(given: PartInput, name: str, on: Book) -> float | None:
    return _mean(given.blind[name].correct[on.places]) if name in given.blind else None


def _accuracy(book: Book, seed: int) -> Estimate:
    return estimate(book.correct.astype(float).tolist(), book.videos.tolist(), seed=seed)


def _mean(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float | None:
    return round(float(np.mean(values)), 6) if len(values) else None

"""How two systems differ on the questions that both were judged on: the gain, and whether it may be luck."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.scoring.base import ItemKey, PartScorer
from bench.scoring.book import Book
from bench.scoring.stats import Estimate, difference, mcnemar, measured, sign_flip

__all__ = ["Contrast", "common", "contrast"]


class Contrast(NamedTuple):
    """How two books differ on what both judge."""

    n: int
    values: tuple[float | None, float | None]
    gain: Estimate
    """Second − first."""
    p_sign_flip: float | None
    only: tuple[int, int]
    """Right in the first only, and in the second only."""
    p_mcnemar: float | None


def contrast(scorer: PartScorer, first: Book, second: Book, *, seed: int) -> Contrast:
    """How two books differ in the primary score; both judge the same questions (`common`)."""
    before, after = scorer.measures(first)[0], scorer.measures(second)[0]
    only = (int((first.correct & ~second.correct).sum()), int((second.correct & ~first.correct).sum()))
    alone = len(np.unique(first.videos)) == len(first)
    return Contrast(
        len(before.sums),
        (measured(before, seed=seed).value, measured(after, seed=seed).value),
        difference(before, after, seed=seed),
        sign_flip(before, after, seed=seed),
        only,
        mcnemar(*only) if alone else None,
    )


def common(first: Book, second: Book) -> tuple[Book, Book]:
    """The verdicts of both on the questions that both judge, in the same order."""
    keys = [{book.items[place].key for place in book.places.tolist()} for book in (first, second)]
    both = keys[0] & keys[1]
    return _only(first, both), _only(second, both)


def _only(book: Book, keys: set[ItemKey]) -> Book:
    return book.only(np.array([item.key in keys for item in book.judged()], dtype=np.bool_))

"""The order of what was found: similarity alone, blended with freshness, or spread over what differs (MMR).

A function of exact scores, so that every engine gives the same reply: everything that is compared is rounded to
1e-5, and ties go by (`t_end`, id).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shared.memory.encoder import Vector
from shared.memory.store import Candidate
from shared.messages import Hit, Search

__all__ = ["DIGITS", "rank"]

DIGITS = 5


class _Scored(NamedTuple):
    candidate: Candidate
    vector: Vector
    similarity: float
    relevance: float


def rank(candidates: Sequence[Candidate], vector: Vector, query: Search) -> list[Hit]:
    """The best `k` of the candidates, best first; the first `pool` by similarity compete where more than that counts.

    Relevance is (1 − w)·similarity + w·2^(−age / half-life), w = `recency`. MMR takes, one by one, the note with the
    largest λ·relevance − (1 − λ)·(largest similarity to one taken before), λ = `mmr` (Carbonell & Goldstein 1998).
    """
    scored = sorted((_scored(one, vector, query) for one in candidates), key=_by_similarity)
    if query.recency or query.mmr < 1:
        scored = scored[: max(query.pool, query.k)]
        scored.sort(key=_by_relevance)
    if query.mmr < 1:
        scored = _spread(scored, query)
    return [Hit(id=s.candidate.id, score=s.similarity, note=s.candidate.note) for s in scored[: query.k]]


def _scored(candidate: Candidate, vector: Vector, query: Search) -> _Scored:
    similarity = _dot(candidate.vector, vector)
    age = query.t_max - candidate.note.t_end
    fresh = 2.0 ** (-age / query.half_life_s)
    relevance = (
        _round((1 - query.recency) * similarity + query.recency * fresh) if query.recency else similarity
    )
    return _Scored(candidate, candidate.vector, similarity, relevance)


def _spread(scored: Sequence[_Scored], query: Search) -> list[_Scored]:
    left, taken = list(scored), list[_Scored]()
    nearest = [0.0] * len(left)
    while left and len(taken) < query.k:
        gains = [
            _round(query.mmr * one.relevance - (1 - query.mmr) * near)
            for one, near in zip(left, nearest, strict=True)
        ]
        # `left` stands in order of relevance, and ties keep that order.
        best = max(range(len(left)), key=lambda place: (gains[place], -place))
        taken.append(left.pop(best))
        nearest.pop(best)
        nearest = [
            max(near, _dot(one.vector, taken[-1].vector)) for one, near in zip(left, nearest, strict=True)
        ]
    return taken


def _by_similarity(one: _Scored) -> tuple[float, float, str]:
    return (-one.similarity, one.candidate.note.t_end, one.candidate.id)


def _by_relevance(one: _Scored) -> tuple[float, float, str]:
    return (-one.relevance, one.candidate.note.t_end, one.candidate.id)


def _dot(first: Vector, second: Vector) -> float:
    return _round(float(np.dot(first.astype(np.float64), second.astype(np.float64))))


def _round(value: float) -> float:
    # `+ 0.0` turns -0.0 into 0.0.
    return round(value, DIGITS) + 0.0

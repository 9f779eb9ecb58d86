"""Which emission answers which event: one to one, each event within its own interval.

Emissions are taken in time order, and each goes to the open event whose interval ends first. For intervals
and points that is a maximum matching (Glover 1967), so no other pairing gives more hits.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from bench.scoring.base import EPSILON_S, Due

__all__ = ["NEAR_S", "Outcome", "match", "outcome"]

NEAR_S = 10.0
"""An emission that misses an event by no more than this is early or late, rather than spurious."""


class Outcome(NamedTuple):
    """How the emissions and the events of one question pair; places in their sequences."""

    hits: list[tuple[int, int]]
    """Emission and event."""
    early: list[tuple[int, int]]
    late: list[tuple[int, int]]
    missed: list[int]
    """Events near which nothing was said."""
    spurious: list[int]
    """Emissions near which nothing was due."""

    @property
    def false_positives(self) -> int:
        """Emissions that are no hit."""
        return len(self.early) + len(self.late) + len(self.spurious)

    @property
    def false_negatives(self) -> int:
        """Events that were not hit."""
        return len(self.early) + len(self.late) + len(self.missed)


def match(times: Sequence[float], due: Sequence[Due]) -> list[tuple[int, int]]:
    """Pairs of emission and event; `times` in time order. Cost n log n."""
    coming = sorted(range(len(due)), key=lambda place: due[place].low)
    pairs: list[tuple[int, int]] = []
    open_: list[tuple[float, int]] = []
    at = 0
    for emission, t in enumerate(times):
        while at < len(coming) and due[coming[at]].low <= t + EPSILON_S:
            heapq.heappush(open_, (due[coming[at]].high, coming[at]))
            at += 1
        while open_ and open_[0][0] < t - EPSILON_S:
            heapq.heappop(open_)
        if open_:
            pairs.append((emission, heapq.heappop(open_)[1]))
    return pairs


def outcome(times: Sequence[float], due: Sequence[Due]) -> Outcome:
    """Hits first; what is left pairs within `NEAR_S` as early or late; the rest is missed or spurious."""
    hits = match(times, due)
    said = [place for place in range(len(times)) if place not in {emission for emission, _ in hits}]
    left = [place for place in range(len(due)) if place not in {event for _, event in hits}]
    wide = [due[p]._replace(low=due[p].low - NEAR_S, high=due[p].high + NEAR_S) for p in left]
    near = [(said[e], left[d]) for e, d in match([times[p] for p in said], wide)]
    early = [pair for pair in near if times[pair[0]] < due[pair[1]].low]
    paired = {place for place, _ in near}, {place for _, place in near}
    return Outcome(
        hits,
        early,
        [pair for pair in near if pair not in early],
        [place for place in left if place not in paired[1]],
        [place for place in said if place not in paired[0]],
    )

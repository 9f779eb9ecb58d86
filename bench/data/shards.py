"""Dividing a data set: shards of like cost that never split a video, and a small sample of every kind.

All of it is a function of the samples alone: the same set gives the same shards on every machine. Videos go,
the dearest first, each to the shard that has least so far (longest processing time first: at most 4/3 − 1/(3n)
times the best possible, Graham 1969, https://doi.org/10.1137/0117039); ties go by name and number.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bench.data.schema import Part, Sample
from shared.errors import ConfigError

__all__ = ["QUESTION_S", "Load", "assign", "loads", "stratified", "watched_s"]

QUESTION_S = 2.0
"""What a question costs, in seconds of stream time."""
_STANDING_S = 60.0
"""How long a standing question is waited for when the video's length is unknown."""


class Load(NamedTuple):
    """What it takes to play one video."""

    seconds: float
    """Stream time up to the last instant that is asked about."""
    questions: int

    @property
    def cost(self) -> float:
        """Seconds of stream time, questions included."""
        return self.seconds + QUESTION_S * self.questions


def watched_s(sample: Sample) -> float:
    """Stream time up to which a sample's video has to be played."""
    last = max(max(turn.ask_s, *turn.asks) for turn in sample.turns)
    if sample.part is not Part.PROACTIVE:
        return last
    end = sample.streams[0].duration_s
    return last + _STANDING_S if end is None else max(last, min(end, last + _STANDING_S))


def loads(samples: Iterable[Sample]) -> dict[str, Load]:
    """What each video takes, by its identity, in order of first appearance."""
    found: dict[str, Load] = {}
    for sample in samples:
        held = found.get(sample.video, Load(0.0, 0))
        asks = sum(len(turn.asks) for turn in sample.turns)
        found[sample.video] = Load(max(held.seconds, watched_s(sample)), held.questions + asks)
    return found


def assign(costs: Mapping[str, float], shards: int) -> dict[str, int]:
    """Shard of each video, from 0, such that costs are balanced and no shard is empty.

    Raises `ConfigError` when there are fewer videos than shards.
    """
    if not 1 <= shards <= len(costs):
        text = f"{shards} shards of {len(costs)} videos: a video is never split"
        raise ConfigError(f"{text}; choose --shards from 1 to {len(costs)}")
    heap = [(0.0, number) for number in range(shards)]
    placed: dict[str, int] = {}
    for name in sorted(costs, key=lambda name: (-costs[name], name)):
        cost, number = heap[0]
        placed[name] = number
        heapq.heapreplace(heap, (cost + max(costs[name], 1e-9), number))
    return placed


def stratified(
    strata: Sequence[tuple[str, str]], ids: Sequence[str], size: int, *, seed: int = 0
) -> list[int]:
    """Numbers of `size` samples, in order: every stratum by its share, and each by one at least while there is room.

    Which of a stratum is decided by a hash of seed and id, so that another sample more or less moves few.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for number, stratum in enumerate(strata):
        groups.setdefault(stratum, []).append(number)
    quota = _shares({stratum: len(group) for stratum, group in groups.items()}, min(size, len(ids)))
    chosen: list[int] = []
    for stratum, group in groups.items():
        ranked = sorted(group, key=lambda number: hashlib.sha256(f"{seed}\0{ids[number]}".encode()).digest())
        chosen += ranked[: quota[stratum]]
    return sorted(chosen)


def _shares(counts: Mapping[tuple[str, str], int], size: int) -> dict[tuple[str, str], int]:
    """Largest remainders over what is left when each has got one; the small ones get theirs first."""
    order = sorted(counts, key=lambda stratum: (-counts[stratum], stratum))
    given = dict.fromkeys(order, 0)
    for stratum in order[:size]:
        given[stratum] = 1
    left, total = size - sum(given.values()), sum(counts.values())
    exact = {stratum: left * counts[stratum] / total for stratum in order}
    for stratum in order:
        more = min(int(exact[stratum]), counts[stratum] - given[stratum])
        given[stratum] += more
    by_rest = sorted(order, key=lambda stratum: (int(exact[stratum]) - exact[stratum], stratum))
    while (left := size - sum(given.values())) > 0:
        for stratum in [s for s in by_rest if given[s] < counts[s]][:left]:
            given[stratum] += 1
    return given

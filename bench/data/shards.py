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

__all__ = ["QUESTION_S", "Load", "assign", "loads_of", "stratified", "watched_s"]

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


def loads_of(items: Iterable[tuple[str, Load]]) -> dict[str, Load]:
    """What each video takes, from what each of its samples takes: it is played once, to the last question."""
    found: dict[str, Load] = {}
    for video, load in items:
        held = found.get(video, Load(0.0, 0))
        found[video] = Load(max(held.seconds, load.seconds), held.questions + load.questions)
    return found


def assign(costs: Sequence[float], shards: int) -> list[int]:
    """Shard of each item, from 0, such that costs are balanced and no shard is empty; ties by place.

    Raises `ConfigError` when there are fewer items (videos) than shards.
    """
    if not 1 <= shards <= len(costs):
        text = f"{shards} shards of {len(costs)} videos: a video is never split"
        raise ConfigError(f"{text}; choose from 1 to {len(costs)} shards")
    heap = [(0.0, 0, number) for number in range(shards)]
    placed = [0] * len(costs)
    for item in sorted(range(len(costs)), key=lambda item: (-costs[item], item)):
        cost, held, number = heap[0]
        placed[item] = number
        heapq.heapreplace(heap, (cost + costs[item], held + 1, number))
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

"""Shards of a run: which plays each of N processes or machines takes, the same on all of them.

A play (one video with all its questions) is never split and keeps its number in the whole data set, so that
the records of all shards together are those of the whole run. Loads are balanced as those of a data set's
shards are (bench/data/shards.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.data.shards import QUESTION_S
from bench.data.shards import assign as balanced
from bench.run.plan import Play, expected, questions
from shared.errors import ConfigError

__all__ = ["Cost", "Shard", "assign", "cost", "parse_shard"]


class Shard(NamedTuple):
    """One of several parts of a run."""

    number: int
    """From 1."""
    of: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.number:03d}-of-{self.of:03d}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class Cost(NamedTuple):
    """What there is to do."""

    videos: int
    questions: int
    answers: int
    """Finals that are owed."""
    stream_s: float
    """Stream time to play, up to each video's last question."""

    @property
    def total(self) -> float:
        """One number to balance by."""
        return self.stream_s + QUESTION_S * self.answers


def parse_shard(text: str) -> Shard:
    """`2/4` as a shard; raises `ConfigError`."""
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text.strip())
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.of:
        raise ConfigError(f"--shards {text!r}: write k/N with 1 ≤ k ≤ N, like 2/4")
    return shard


def cost(plays: Iterable[Play], route: str) -> Cost:
    """What these plays cost."""
    videos = asked = answers = 0
    stream_s = 0.0
    for play in plays:
        items = questions(play, "plan")
        videos += 1
        asked += len(items)
        answers += sum(len(expected(item, route)) for item in items)
        ends = (item.question.standing.until_s if item.question.standing else item.ask_s for item in items)
        stream_s += max(ends, default=0.0)
    return Cost(videos, asked, answers, round(stream_s, 3))


def assign(plays: Sequence[Play], of: int, route: str) -> list[list[Play]]:
    """The plays of each shard, in the order of their numbers; raises `ConfigError` when one would be empty."""
    shares: list[list[Play]] = [[] for _ in range(of)]
    for play, shard in zip(plays, balanced([cost([play], route).total for play in plays], of), strict=True):
        shares[shard].append(play)
    return shares

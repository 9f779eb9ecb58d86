"""What a run has to play: one play a video, its questions in the order of their ask times.

A play's number is its place in the data set, so that a resumed run and a rerun give the same numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bench.data import AskedQuestion, Dataset, Sample, to_questions
from shared.messages import Open, Profile
from shared.routing import Decision, StreamState, policy
from shared.subjects import opening_id

__all__ = ["Due", "Play", "by_time", "decided", "opened", "owed", "plan", "questions"]


class Play(NamedTuple):
    """One video and every question about it."""

    number: int
    video: str
    uri: str
    samples: tuple[Sample, ...]


class Due(NamedTuple):
    """The questions of one ask time."""

    t: float
    questions: tuple[AskedQuestion, ...]


def plan(dataset: Dataset) -> list[Play]:
    """The plays of a data set, by first appearance of their video."""
    groups: dict[str, list[Sample]] = {}
    for sample in dataset.samples:
        groups.setdefault(sample.video, []).append(sample)
    return [
        Play(number, video, dataset.uri(samples[0]), tuple(samples))
        for number, (video, samples) in enumerate(groups.items())
    ]


def questions(play: Play, opening: str) -> list[AskedQuestion]:
    """Every question of a play by (ask time, sample, turn, probe)."""
    asked = itertools.chain.from_iterable(to_questions(sample, opening) for sample in play.samples)
    return sorted(asked, key=lambda item: (item.ask_s, item.sample, item.turn, item.probe))


def by_time(asked: list[AskedQuestion]) -> Iterator[Due]:
    """Questions grouped by ask time, ascending."""
    for t, group in itertools.groupby(asked, key=lambda item: item.ask_s):
        yield Due(t, tuple(group))


def decided(item: AskedQuestion, route: str) -> Decision:
    """Where a policy sends a question: what the router will say, too."""
    return policy(route).decide(item.question, StreamState(item.ask_s))


def owed(plays: Iterable[Play], route: str) -> int:
    """How many finals these plays owe."""
    return sum(len(decided(item, route).paths) for play in plays for item in questions(play, "plan"))


def opened(play: Play, *, run: str, attempt: int, profile: Profile) -> Open:
    """The request to play it."""
    return Open(opening=opening_id(run, play.number, attempt), run=run, uri=play.uri, profile=profile)

"""What a run has to play: one play a video, its questions in the order of their ask times.

A play's number is its place in the data set, so that a resumed run and a rerun give the same numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bench.data import AskedQuestion, AskRules, Dataset, Sample, to_questions
from bench.data.ask import steps
from shared.errors import ConfigError
from shared.messages import Open, Path, Profile
from shared.routing import Decision, StreamState, is_plain, policy, state_of
from shared.subjects import opening_id

__all__ = [
    "Earlier",
    "Moment",
    "Play",
    "Step",
    "decided",
    "earlier",
    "expected",
    "known_paths",
    "moments",
    "opened",
    "owed",
    "plan",
    "questions",
    "states",
]


class Play(NamedTuple):
    """One video and every question about it."""

    number: int
    video: str
    uri: str
    samples: tuple[Sample, ...]
    rules: AskRules = AskRules()
    """How its standing questions and chains are asked."""


class Step(NamedTuple):
    """One look at a question: its only one, a tick of a standing question, or one poll."""

    item: AskedQuestion
    number: int


class Moment(NamedTuple):
    """A stream time at which something is to be looked at."""

    t: float
    steps: tuple[Step, ...]


class Earlier(NamedTuple):
    """What was asked about a stream before a question."""

    asked: int
    since_s: float | None
    """Stream time since the last of them; null for the first."""


def plan(dataset: Dataset, rules: AskRules = AskRules()) -> list[Play]:  # noqa: B008
    """The plays of a data set, by first appearance of their video."""
    groups: dict[str, list[Sample]] = {}
    for sample in dataset.samples:
        groups.setdefault(sample.video, []).append(sample)
    return [
        Play(number, video, dataset.uri(samples[0]), tuple(samples), rules)
        for number, (video, samples) in enumerate(groups.items())
    ]


def questions(play: Play, opening: str) -> list[AskedQuestion]:
    """Every question of a play by (ask time, sample, turn, probe)."""
    asked = list(
        itertools.chain.from_iterable(to_questions(sample, opening, play.rules) for sample in play.samples)
    )
    asked = _until_next_ask(asked)
    return sorted(asked, key=lambda item: (item.ask_s, item.sample, item.turn, item.probe))


def _until_next_ask(asked: list[AskedQuestion]) -> list[AskedQuestion]:
    """Who watches for one thing watches no longer for the one before: a `speak` question ends with the next."""
    starts = sorted({item.ask_s for item in asked if _speaks(item)})
    following = dict(itertools.pairwise(starts))
    return [
        _ending(item, following[item.ask_s]) if _speaks(item) and item.ask_s in following else item
        for item in asked
    ]


def _speaks(item: AskedQuestion) -> bool:
    standing = item.question.standing
    return standing is not None and standing.kind == "speak"


def _ending(item: AskedQuestion, t: float) -> AskedQuestion:
    standing = item.question.standing
    if standing is None or standing.until_s <= t:
        return item
    update = {"standing": standing.model_copy(update={"until_s": t})}
    return item._replace(question=item.question.model_copy(update=update))


def moments(asked: Iterable[AskedQuestion]) -> Iterator[Moment]:
    """Every time at which something is to be looked at, ascending; within one, in the order of the questions."""
    found: dict[float, list[Step]] = {}
    for item in asked:
        for number, t in enumerate(steps(item)):
            found.setdefault(t, []).append(Step(item, number))
    for t in sorted(found):
        yield Moment(t, tuple(found[t]))


def earlier(items: Iterable[AskedQuestion]) -> dict[str, Earlier]:
    """How many questions of a play come before each, and how long before, by key."""
    found: dict[str, Earlier] = {}
    asked, now, last = 0, -1.0, None
    for number, item in enumerate(sorted(items, key=lambda item: item.ask_s)):
        if item.ask_s > now:
            asked, last, now = number, (now if number else None), item.ask_s
        found[item.key] = Earlier(asked, None if last is None else round(item.ask_s - last, 6))
    return found


def states(items: Sequence[AskedQuestion], profile: Profile) -> dict[str, StreamState]:
    """What a router may know at each question of a play, by key: a function of the questions' times alone."""
    before = earlier(items)
    return {item.key: state_of(profile, item.ask_s, **before[item.key]._asdict()) for item in items}


def decided(item: AskedQuestion, route: str) -> Decision | None:
    """Where a plain policy sends a question, as the router will say, too; null where only the router can tell.

    So it is where the policy's file is gone, or on another machine: a run is not begun then, but may be scored.
    """
    if not is_plain(route):
        return None
    try:
        made = policy(route)
    except ConfigError:
        return None
    return made.decide(item.question, StreamState(item.ask_s))


def known_paths(item: AskedQuestion, route: str) -> tuple[Path, ...] | None:
    """The paths that owe a final; null where only the router can tell: then its records do."""
    decision = decided(item, route)
    return None if decision is None else decision.paths


def expected(item: AskedQuestion, route: str) -> tuple[Path, ...]:
    """The paths that a question may take at most: of a plain policy those that it will take."""
    known = known_paths(item, route)
    return (Path.S1, Path.S2) if known is None else known


def owed(plays: Iterable[Play], route: str) -> int:
    """How many finals these plays owe; one a question where only the router can tell."""
    plain = is_plain(route)
    return sum(
        len(expected(item, route)) if plain else 1 for play in plays for item in questions(play, "plan")
    )


def opened(play: Play, *, run: str, attempt: int, profile: Profile) -> Open:
    """The request to play it."""
    return Open(opening=opening_id(run, play.number, attempt), run=run, uri=play.uri, profile=profile)

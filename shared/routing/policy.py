"""The interface of a routing policy, and the registry of those there are.

A policy sees the question as it goes over the wire (no gold, no part, no ability) and what the stream looks like at
the ask time. In capacity mode both are functions of stream time, so a decision can be repeated and replayed.
Third parties join by the entry point group `dualstreambench.policies`: a callable without arguments that makes one.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import NamedTuple, Protocol

from shared.errors import ConfigError
from shared.messages import Path, Question, Route
from shared.routing.rules import decide_by_rules

__all__ = ["Decision", "Policy", "StreamState", "names", "policy"]

_GROUP = "dualstreambench.policies"


class StreamState(NamedTuple):
    """What a policy may know of the stream."""

    t: float
    """Stream time of the question, seconds."""


class Decision(NamedTuple):
    """Where a question goes."""

    paths: tuple[Path, ...]
    """In the order in which they are sent."""
    score: float | None
    """How much it speaks for S2, from 0 to 1; null for a policy that doesn't weigh."""
    reason: str


class Policy(Protocol):
    """Decides for one question at a time; keeps no state between questions."""

    def decide(self, question: Question, state: StreamState) -> Decision:
        """The path or paths of a question."""
        ...


class _Fixed:
    """Every question takes the same way."""

    def __init__(self, *paths: Path) -> None:
        self._decision = Decision(paths, None, "fixed")

    def decide(self, question: Question, state: StreamState) -> Decision:
        return self._decision


class _Rules:
    """The readable rules of `shared.routing.rules`."""

    def decide(self, question: Question, state: StreamState) -> Decision:
        verdict = decide_by_rules(question.text)
        return Decision((verdict.path,), 1.0 if verdict.path is Path.S2 else 0.0, verdict.rule)


_BUILT_IN: dict[str, Callable[[], Policy]] = {
    Route.RULE: _Rules,
    Route.FORCE_S1: lambda: _Fixed(Path.S1),
    Route.FORCE_S2: lambda: _Fixed(Path.S2),
    Route.BOTH: lambda: _Fixed(Path.S1, Path.S2),
}


def names() -> list[str]:
    """The policies there are: the built-in ones, then those of installed packages."""
    return [*map(str, _BUILT_IN), *sorted(entry.name for entry in entry_points(group=_GROUP))]


@cache
def policy(name: str) -> Policy:
    """The policy of that name; raises `ConfigError` with the nearest known one."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    for entry in entry_points(group=_GROUP, name=name):
        made: Policy = entry.load()()
        return made
    near = difflib.get_close_matches(name, names(), 1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(names())}"
    raise ConfigError(f"no routing policy {name!r}: {hint}")

"""The interface of a routing policy: what it may know, and what it decides.

A policy sees the question's words (`shared.routing.view`: no gold, no part, no ability) and what the stream looks like
at the ask time. In capacity mode both are functions of stream time, so a decision can be repeated and replayed.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, runtime_checkable

from shared.messages import Path, Profile, Question, Status

__all__ = ["Decision", "First", "Loads", "Policy", "Staged", "StreamState", "state_of"]

_EDGE = 1e-6


class StreamState(NamedTuple):
    """What a policy may know of the stream: functions of stream time alone."""

    t: float
    """Stream time of the question, seconds."""
    frames: int = 0
    """Frames sampled up to `t`, where none was dropped."""
    notes: int = 0
    """Notes that S1 was to write by `t`."""
    asked: int = 0
    """Questions asked about this stream before `t`."""
    since_s: float | None = None
    """Stream time since the last of them; null for the first."""


class Decision(NamedTuple):
    """Where a question goes."""

    paths: tuple[Path, ...]
    """In the order in which they are sent."""
    score: float | None
    """How much it speaks for S2, from 0 to 1; null for a policy that doesn't weigh."""
    reason: str
    cost: float | None = None
    """US dollars that deciding took; null where nothing was paid."""
    then: bool = False
    """The policy wants to see S1's answer before it is done (`Staged`)."""


class First(NamedTuple):
    """S1's answer as a staged policy sees it."""

    status: Status
    confidence: float | None = None
    """Calibrated probability of the choice; null where the model gives none, or failed."""


class Policy(Protocol):
    """Decides for one question at a time; keeps no state between questions, and may be called from any thread."""

    def decide(self, question: Question, state: StreamState) -> Decision:
        """The path or paths of a question."""
        ...


@runtime_checkable
class Loads(Protocol):
    """A policy that loads something big (an encoder, a model) before its first decision, outside its time limit."""

    def load(self) -> None:
        """Load it; blocks, and raises a `DsbError` when it can't."""
        ...


@runtime_checkable
class Staged(Protocol):
    """A policy that decides a second time, with S1's answer before it."""

    def after(self, question: Question, state: StreamState, first: First) -> Decision:
        """All paths of the question, S1 among them; `(S1, S2)` asks S2, too, and S2's answer counts."""
        ...


def state_of(profile: Profile, t: float, *, asked: int = 0, since_s: float | None = None) -> StreamState:
    """The state at stream time `t` of a stream that is played by `profile`."""
    notes = math.floor(t / profile.notes.every_s + _EDGE) + 1 if profile.notes.enabled else 0
    return StreamState(t, math.floor(t * profile.video.fps + _EDGE) + 1, notes, asked, since_s)

"""Ticks of a standing question, as pure functions: the same in S1, in S2 and offline.

Tick `k` is the question asked again at its time on the grid. Of a `speak` question the answer is yes or no,
and the system speaks on the rising edge: it says yes now and did not at the last tick that was answered.
"""

from __future__ import annotations

from shared.errors import DataError
from shared.messages import Draft, Question, Standing

__all__ = ["EDGE_S", "at_tick", "due", "said_yes", "standing_of", "ticks"]

EDGE_S = 1e-6
"""Times are rounded to microseconds."""


def standing_of(question: Question) -> Standing:
    """How the question stands; raises `DataError` for one that is answered once."""
    if question.standing is None:
        raise DataError(f"question {question.key} does not stand: it has no ticks; ask it once")
    return question.standing


def ticks(question: Question, *, end_t: float | None = None) -> list[float]:
    """Stream times of the ticks; those behind the end of the stream (`end_t`) are left out, but never the first."""
    times = standing_of(question).ticks(question.t_ask)
    return times if end_t is None else [times[0], *(t for t in times[1:] if t <= end_t + EDGE_S)]


def due(question: Question, t: float, *, end_t: float | None = None) -> int:
    """The newest tick at or before stream time `t`; -1 when none is."""
    return sum(tick <= t + EDGE_S for tick in ticks(question, end_t=end_t)) - 1


def at_tick(question: Question, tick: int) -> Question:
    """The question as it is looked at in tick `tick`: what is later than the tick's time is not seen."""
    return question.model_copy(update={"t_ask": standing_of(question).ticks(question.t_ask)[tick]})


def said_yes(draft: Draft | None) -> bool:
    """Whether a tick's answer was yes, be it the first or one that goes on."""
    return draft is not None and draft.choice == "yes"

"""Cascades: S1 answers first, and S2 is asked when S1 is not sure of its answer.

`cascade` waits for S2 before it speaks; `revise` says S1's answer at once and S2's as its revision. Both ask the same
questions of the same systems and record both answers, S2's counts; they differ in what is heard when (Chen, Zaharia
& Zou 2023, FrugalGPT, for the cascade).
"""

from __future__ import annotations

from shared.messages import Path, Question, Status
from shared.routing.policy import Decision, First, StreamState

__all__ = ["Cascade"]


_S1, _BOTH = (Path.S1,), (Path.S1, Path.S2)


class Cascade:
    """Escalates when S1's confidence is below `tau`, is unknown, or S1 failed."""

    def __init__(self, tau: float, *, revises: bool = False) -> None:
        self._tau = tau
        self._first = Decision(_S1, None, "S1 first", then=True)
        self._alone = Decision(_S1, None, "S1 alone: the question stands")
        self._sure = f"S1's confidence is {tau:g} or more"
        self._unsure = f"S1's confidence is below {tau:g}: {'S2 revises' if revises else 'S2 asked'}"

    def decide(self, question: Question, state: StreamState) -> Decision:
        """S1 first; a question that stands is left to it, since there is no first answer to wait for."""
        return self._first if question.standing is None else self._alone

    def after(self, question: Question, state: StreamState, first: First) -> Decision:
        """S2, too, when S1 is not sure; the score is one minus S1's confidence."""
        if first.status is not Status.OK:
            return Decision(_BOTH, 1.0, f"S1 ended as {first.status}")
        if first.confidence is None:
            return Decision(_BOTH, 1.0, "S1 gave no confidence")
        score = round(1.0 - first.confidence, 6)
        if first.confidence < self._tau:
            return Decision(_BOTH, score, self._unsure)
        return Decision(_S1, score, self._sure)

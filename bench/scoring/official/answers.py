"""Scoring answer by answer: what the profiles have in common whose figure is a mean of marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from bench.scoring.official.base import Case, OfficialScores, Tally

__all__ = ["Left", "PerAnswer"]

Mark = Callable[[Case], "float | None"]
"""From 0 to 1; null when there is no gold."""


class Left(Enum):
    """What leaves the denominator."""

    NOTHING = auto()
    """What is missing or empty is wrong."""
    MISSING = auto()
    """What is empty is wrong, what is missing was never asked."""
    UNANSWERED = auto()
    """Neither counts."""


class PerAnswer:
    """The mean of marks over all answers, and by task."""

    def __init__(
        self, profile: str, mark: Mark, *, left: Left = Left.NOTHING, metric: str = "accuracy"
    ) -> None:
        self.tally = Tally()
        self._profile, self._mark, self._left, self._metric = profile, mark, left, metric

    def add(self, case: Case) -> None:
        """Mark an answer, unless the benchmark leaves it out."""
        self.mark(case)

    def mark(self, case: Case, *, silent: bool | None = None) -> float | None:
        """The mark of an answer, once it is added; null when it is in no figure.

        `silent` is whether nothing was said, for questions with free timing.
        """
        mark = self._mark(case)
        if mark is None:
            self.tally.without_gold += 1
            return None
        self.tally.owe(case, silent=silent)
        if self._leaves(case):
            return None
        self.tally.add(case.sample.task, mark)
        return mark

    def scores(self, metrics: Mapping[str, float | None] | None = None) -> OfficialScores:
        """The mean of the marks, with other figures beside it."""
        return self.tally.scores(self._profile, self._metric, metrics)

    def _leaves(self, case: Case) -> bool:
        if self._left is Left.MISSING:
            return case.missing
        return self._left is Left.UNANSWERED and not case.said

"""What an official profile is: the published rules of one task of one benchmark, behind one interface.

A `Case` is a question at one forced time with all that was predicted for it. A profile takes cases one after
the other and keeps only counts, so that a set of any size is scored in bounded memory. Scores are fractions
of one; a denominator of zero gives null, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from bench.data.schema import Sample, Turn
from bench.scoring.text import TextMatcher

__all__ = ["Case", "OfficialProfile", "OfficialScores", "Prediction", "Tally", "TaskLine", "mean"]


class Prediction(NamedTuple):
    """One thing that a system said."""

    text: Any
    """Any JSON value, as it was given: text, null, a list, a number, an object."""
    t_emit: float | None = None
    """Seconds of stream time at which it was said; null for an answer at a forced time."""


class Case(NamedTuple):
    """A question at one forced time, and what was predicted for it."""

    sample: Sample
    turn: int
    probe: int
    predictions: Sequence[Prediction]
    """In the order in which they were said; empty: nothing is known, which is not the same as silence."""

    @property
    def of(self) -> Turn:
        """The turn that is asked."""
        return self.sample.turns[self.turn]

    @property
    def t_ask(self) -> float:
        """Seconds of stream time."""
        return self.of.asks[self.probe]

    @property
    def last(self) -> Any:
        """The last thing said, as it was given; null when there is none."""
        return self.predictions[-1].text if self.predictions else None


class Value(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TaskLine(Value):
    """One task under one profile."""

    n: int
    """Its denominator."""
    value: float | None


class OfficialScores(Value):
    """What one profile gives."""

    profile: str
    metric: str
    """What `value` is: the benchmark's own primary figure."""
    value: float | None
    n: int
    """Answers owed."""
    missing: int
    """Of them those without any prediction."""
    empty: int
    """Of them those whose prediction is null or holds nothing."""
    counted: int
    """The denominator of `value`: some benchmarks leave out what was not answered."""
    metrics: dict[str, float | None] = {}
    """The other figures, by name."""
    tasks: dict[str, TaskLine] = {}

    @property
    def complete(self) -> bool:
        """Whether there is a prediction for everything."""
        return self.missing == 0


class OfficialProfile(Protocol):
    """The rules of one task of one benchmark."""

    name: str
    """`<bench>.<task>@<version>`."""
    needs_text: bool
    """Whether free text is compared: then it matters by which `TextMatcher`."""

    def score(self, cases: Iterable[Case], *, text: TextMatcher) -> OfficialScores:
        """Score every case of the profile; `text` compares free text. Raises `ModelError` when it can't."""
        ...


@dataclass
class Tally:
    """Marks added up: by task and over all, with what was missing and empty."""

    owed: int = 0
    missing: int = 0
    empty: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def owe(self, *, missing: bool, empty: bool) -> None:
        """Note that an answer was owed."""
        self.owed += 1
        self.missing += missing
        self.empty += empty and not missing

    def add(self, task: str, mark: float) -> None:
        """Add a mark to the denominator."""
        self.sums[task] = self.sums.get(task, 0.0) + mark
        self.counts[task] = self.counts.get(task, 0) + 1

    @property
    def counted(self) -> int:
        """Marks that were added."""
        return sum(self.counts.values())

    @property
    def micro(self) -> float | None:
        """The mean over all marks."""
        return mean(sum(self.sums.values()), self.counted)

    def tasks(self) -> dict[str, TaskLine]:
        """The mean of each task, by name."""
        return {
            task: TaskLine(n=self.counts[task], value=mean(self.sums[task], self.counts[task]))
            for task in sorted(self.counts)
        }

    def scores(
        self, profile: str, metric: str, metrics: Mapping[str, float | None] | None = None
    ) -> OfficialScores:
        """The scores whose primary figure is the mean over all marks."""
        return OfficialScores(
            profile=profile,
            metric=metric,
            value=self.micro,
            n=self.owed,
            missing=self.missing,
            empty=self.empty,
            counted=self.counted,
            metrics=dict(metrics or {}),
            tasks=self.tasks(),
        )


def mean(total: float, count: int) -> float | None:
    """`total / count`, to six digits; null when nothing was counted."""
    return round(total / count, 6) if count else None

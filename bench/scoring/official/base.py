"""What an official profile is: the published rules of one task of one benchmark, behind one interface.

A `Case` is a question at one forced time with all that was predicted for it. A profile takes cases one after
the other and keeps only counts, so that a set of any size is scored in bounded memory. Scores are fractions
of one; a denominator of zero gives null, never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from bench.data.schema import Sample, Turn
from bench.scoring.official.responses import text_of
from bench.scoring.text import NORMALISED, TextMatcher

__all__ = [
    "Case",
    "OfficialProfile",
    "OfficialScores",
    "Prediction",
    "Scorer",
    "Tally",
    "TaskLine",
    "mean",
]


class Prediction(NamedTuple):
    """One thing that a system said."""

    text: Any
    """Any JSON value, as it was given: text, null, a list, a number, an object."""
    t_emit: float | None = None
    """Seconds of stream time at which it was said; null for an answer at a forced time."""
    probe: int = 0
    """Which forced time or which poll it answers."""


class Case(NamedTuple):
    """A question at one forced time, and what was predicted for it.

    A question with free timing is one case, whatever the number of its polls and emissions.
    """

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

    def time_of(self, prediction: Prediction) -> float:
        """When it was said: as told, else the time of the poll or the forced time that it answers."""
        if prediction.t_emit is not None:
            return prediction.t_emit
        poll = self.of.trigger.poll if self.of.trigger else None
        if poll is not None:
            return poll.from_s + prediction.probe * poll.every_s
        asks = self.of.asks
        return asks[prediction.probe] if prediction.probe < len(asks) else self.of.ask_s + prediction.probe

    @property
    def said(self) -> str:
        """The text of the last prediction; empty when there is none."""
        return text_of(self.predictions[-1].text) if self.predictions else ""

    @property
    def missing(self) -> bool:
        """Whether nothing is known of it."""
        return not self.predictions


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
    """Of them those whose prediction is null or holds nothing; with free timing: those where nothing was said."""
    counted: int
    """The denominator of `value`: some benchmarks leave out what was not answered."""
    without_gold: int = 0
    """Questions that can't be judged; they are in no figure."""
    metrics: dict[str, float | None] = {}
    """The other figures, by name."""
    tasks: dict[str, TaskLine] = {}

    @property
    def complete(self) -> bool:
        """Whether there is a prediction for everything."""
        return self.missing == 0


class Scorer(Protocol):
    """The rules of one profile at work: cases go in one after the other, scores come out."""

    def add(self, case: Case) -> None:
        """Take a case; those of one sample come together. Raises `ModelError` when text can't be graded."""
        ...

    def scores(self) -> OfficialScores:
        """What the cases so far give."""
        ...


@dataclass(frozen=True)
class OfficialProfile:
    """The published rules of one task of one benchmark."""

    name: str
    """`<bench>.<task>@<version>`."""
    make: Callable[[str, TextMatcher], Scorer]
    """From the profile's name and what compares text."""
    needs_text: bool = False
    """Whether free text is compared: then it matters by which `TextMatcher`."""

    def scorer(self, text: TextMatcher = NORMALISED) -> Scorer:
        """A scorer that has seen nothing yet."""
        return self.make(self.name, text)

    def score(self, cases: Iterable[Case], *, text: TextMatcher = NORMALISED) -> OfficialScores:
        """Score every case of the profile. Raises `ModelError` when `text` can't grade."""
        scorer = self.scorer(text)
        for case in cases:
            scorer.add(case)
        return scorer.scores()


@dataclass
class Tally:
    """Marks added up: by task and over all, with what was missing and empty."""

    owed: int = 0
    missing: int = 0
    empty: int = 0
    without_gold: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def owe(self, case: Case, *, silent: bool | None = None) -> None:
        """Note that an answer was owed; `silent` is whether nothing was said (by default: in the last one)."""
        self.owed += 1
        self.missing += case.missing
        self.empty += not case.missing and (not case.said if silent is None else silent)

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
            without_gold=self.without_gold,
            metrics=dict(metrics or {}),
            tasks=self.tasks(),
        )


def mean(total: float, count: int) -> float | None:
    """`total / count`, to six digits; null when nothing was counted."""
    return round(total / count, 6) if count else None

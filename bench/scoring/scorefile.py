"""Scoring what others predicted: a data set, a file of predictions, and the rules to go by.

The rules are those of runs: `causal` is the project's own, by the scorers of its five parts; `official` is each
benchmark's own, by its profile. What is missing lowers coverage, and below full coverage there is no headline.
"""

from __future__ import annotations

from pathlib import Path

from bench.data.dataset import Dataset
from bench.scoring.official import OfficialTable, score_official
from bench.scoring.official.base import Value
from bench.scoring.official.cgbench import clue_recovery
from bench.scoring.predictions import Predictions
from bench.scoring.text import NORMALISED, TextMatcher
from shared.errors import ConfigError

__all__ = ["FileCoverage", "OfficialFileScores", "score_file_official"]


class FileCoverage(Value):
    """How well a file of predictions covers a data set."""

    file: str
    lines: int
    owed: int
    """Questions that are to be answered, each of its forced times counted."""
    answered: int
    left_out: dict[str, int]
    """Lines that could not be used, by kind: `unknown`, `duplicate`, `malformed`."""

    @property
    def complete(self) -> bool:
        """Whether everything is answered."""
        return self.answered == self.owed


class OfficialFileScores(Value):
    """What `dsb score-file --profile official` writes."""

    schema_version: str = "dsb.official/1"
    profile: str = "official"
    data: str
    data_hash: str
    errata: str = ""
    coverage: FileCoverage
    complete: bool
    partial: bool
    """Whether figures were asked for below full coverage."""
    scores: OfficialTable
    clue_accuracy: float | None = None
    """CG-Bench: accuracy when only the clue intervals were seen; null when no such predictions were given."""
    clue_recovery: float | None = None
    """CG-Bench: min(long, clue) / clue."""

    @property
    def headline(self) -> bool:
        """Whether numbers may stand for the predictions."""
        return self.complete or self.partial


def score_file_official(
    dataset: Dataset,
    path: Path,
    *,
    text: TextMatcher = NORMALISED,
    partial: bool = False,
    clue: Path | None = None,
    blind: bool = True,
) -> OfficialFileScores:
    """Score a file by the benchmarks' own rules; raises `DataError`, `ConfigError`, `ModelError`.

    `clue` holds the same system's answers when it was shown the clue intervals only (CG-Bench).
    """
    with Predictions(path, dataset, partial=partial) as held:
        table = score_official(dataset.samples, held.of, text=text, blind=blind)
        coverage = coverage_of(held)
    if not table.profiles:
        raise ConfigError(f"{dataset.path}: no sample names official rules: use --profile causal")
    long, short = table.of("cg-bench@1"), _clue_accuracy(dataset, clue, partial=partial)
    return OfficialFileScores(
        data=dataset.name,
        data_hash=dataset.hash,
        errata=dataset.errata,
        coverage=coverage,
        complete=table.complete,
        partial=partial,
        scores=table,
        clue_accuracy=short,
        clue_recovery=clue_recovery(long.value if long else None, short),
    )


def coverage_of(held: Predictions) -> FileCoverage:
    """How well a file of predictions covers its data set."""
    return FileCoverage(
        file=held.path.name,
        lines=held.lines,
        owed=held.owed,
        answered=held.answered,
        left_out=dict(sorted(held.faults.counts.items())),
    )


def _clue_accuracy(dataset: Dataset, clue: Path | None, *, partial: bool) -> float | None:
    if clue is None:
        return None
    with Predictions(clue, dataset, partial=partial) as held:
        scores = score_official(dataset.samples, held.of, blind=False).of("cg-bench@1")
    if scores is None:
        raise ConfigError(f"{dataset.path}: --clue needs samples of CG-Bench, and it holds none")
    return scores.value

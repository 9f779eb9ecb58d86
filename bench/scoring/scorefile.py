"""Scoring what others predicted: a data set, a file of predictions, and the rules to go by.

The rules are those of runs: `causal` is the project's own, by the scorers of its five parts; `official` is each
benchmark's own, by its profile. What is missing lowers coverage, and below full coverage there is no headline.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from bench.data.dataset import Dataset
from bench.data.schema import AnswerForm, Sample
from bench.files import open_atomic
from bench.run.config import RunConfig
from bench.run.lines import ScoredLine
from bench.scoring.answers import Grader
from bench.scoring.base import ItemKey, Rules
from bench.scoring.items import items_of
from bench.scoring.log import question_lines
from bench.scoring.official import Case, OfficialTable, cases_of, is_free, score_official
from bench.scoring.official.base import Value
from bench.scoring.official.cgbench import clue_recovery
from bench.scoring.official.emissions import emissions_of, is_no
from bench.scoring.official.responses import text_of
from bench.scoring.predictions import Predictions
from bench.scoring.score import score
from bench.scoring.scores import Scores
from bench.scoring.text import NORMALISED, TextMatcher
from shared.errors import ConfigError

__all__ = ["Asked", "FileCoverage", "FileScores", "OfficialFileScores", "score_causal", "score_officially"]

PATH = "predicted"
"""Instead of S1 and S2."""


class Asked(NamedTuple):
    """How a file is to be scored."""

    text: TextMatcher = NORMALISED
    """How free text is compared."""
    partial: bool = False
    """Leave out lines that can't be used, and show figures below full coverage."""
    horizon_s: float = 60.0
    """Causal: how long a standing question stands at most, seconds of stream time."""


class FileCoverage(Value):
    """How well a file of predictions covers a data set."""

    file: str
    lines: int
    owed: int
    """Questions that are to be answered, each of its forced times counted."""
    answered: int
    left_out: dict[str, int]
    """Lines that could not be used, by kind: `unknown`, `duplicate`, `malformed`."""


class FileScores(Scores):
    """What `dsb score-file --profile causal` writes: as `scores.json` of a run."""

    coverage: FileCoverage


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


def score_officially(
    dataset: Dataset, path: Path, asked: Asked, *, clue: Path | None = None
) -> OfficialFileScores:
    """Score a file by the benchmarks' own rules; raises `DataError`, `ConfigError`, `ModelError`.

    `clue` holds the same system's answers when it was shown the clue intervals only (CG-Bench).
    """
    with Predictions(path, dataset, partial=asked.partial) as held:
        table = score_official(dataset.samples, held.of, text=asked.text)
        coverage = _coverage(held)
    if not table.profiles:
        raise ConfigError(f"{dataset.path}: no sample names official rules: use --profile causal")
    long, short = table.of("cg-bench@1"), _clue_accuracy(dataset, clue, asked)
    return OfficialFileScores(
        data=dataset.name,
        data_hash=dataset.hash,
        errata=dataset.errata,
        coverage=coverage,
        complete=table.complete,
        partial=asked.partial,
        scores=table,
        clue_accuracy=short,
        clue_recovery=clue_recovery(long.value if long else None, short),
    )


def score_causal(dataset: Dataset, path: Path, asked: Asked, *, log: Path | None = None) -> FileScores:
    """Score a file by this project's rules, as a run is; raises `DataError`, `ModelError`.

    An answer with `t_emit` is judged by the gold of that time. What is said by itself after a question's
    horizon is not heard. `log` gets a line a question: what was read, what was right, the verdict.
    """
    rules = Rules(
        profile=RunConfig().profile(),
        owes=(PATH,),
        horizon_s=asked.horizon_s,
        grader=Grader(asked.text),
    )
    with Predictions(path, dataset, partial=asked.partial) as held:
        judged = score(dataset.samples, _lines(dataset, held, rules), rules)
        coverage = _coverage(held)
    if log is not None:
        with open_atomic(log) as file:
            file.writelines(question_lines(judged.parts))
    return FileScores(
        run=path.name,
        mode="predictions made elsewhere",
        route="none",
        data=dataset.name,
        data_hash=dataset.hash,
        errata=dataset.errata,
        partial=asked.partial,
        scores=judged.table,
        coverage=coverage,
    )


def _lines(dataset: Dataset, held: Predictions, rules: Rules) -> Iterator[ScoredLine]:
    """The predictions as records of a run that plays every sample once."""
    heard = {item.key: item.standing.until for item in items_of(dataset.samples, rules) if item.standing}
    for number, sample in enumerate(dataset.samples):
        for case in cases_of(sample, number, held.of):
            if not case.missing:
                yield from _records(case, heard.get(ItemKey(sample.id, case.turn, case.probe)))


def _records(case: Case, until: float | None) -> Iterator[ScoredLine]:
    """The records of one question; `until` is the end of a standing one."""
    if not is_free(case.of):
        last = case.predictions[-1]
        yield _line(case, raw=_raw(case, last.text), t_emit=last.t_emit, live=last.t_emit is not None)
        return
    said = [item for item in emissions_of(case) if until is None or item[0] <= until]
    for tick, (t, text) in enumerate(said):
        yield _line(case, kind="emission", raw=text, t_emit=t, tick=tick, speak=True)
    yield _line(case)


def _raw(case: Case, value: Any) -> str:
    """The answer; to a question that waits for its clue a plain "no" (it can't be told yet) is WAIT."""
    said = text_of(value)
    waits = case.of.answer.form is AnswerForm.SUFFICIENCY and is_no(said)
    return "wait" if waits else said


def _line(case: Case, *, live: bool = False, **fields: Any) -> ScoredLine:
    sample: Sample = case.sample
    return ScoredLine(
        play=0,
        attempt=1,
        sample=sample.id,
        turn=case.turn,
        probe=case.probe,
        form=case.of.answer.form.value,
        path=cast(Any, PATH),  # a path of its own: nobody's S1 or S2
        status="ok",
        t_ask=case.t_ask,
        mode="live" if live else "offline",
        **fields,
    )


def _coverage(held: Predictions) -> FileCoverage:
    return FileCoverage(
        file=held.path.name,
        lines=held.lines,
        owed=held.owed,
        answered=held.answered,
        left_out=dict(sorted(held.faults.counts.items())),
    )


def _clue_accuracy(dataset: Dataset, clue: Path | None, asked: Asked) -> float | None:
    if clue is None:
        return None
    with Predictions(clue, dataset, partial=asked.partial) as held:
        scores = score_official(dataset.samples, held.of, blind=False).of("cg-bench@1")
    if scores is None:
        raise ConfigError(f"{dataset.path}: --clue needs samples of CG-Bench, and it holds none")
    return scores.value

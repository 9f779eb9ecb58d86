"""The paired table of a run: of every question that both paths answered, who was right and what it cost.

It is made from a run folder alone. Gold stays in the columns `right`; what a policy will see are the questions and
states beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.data.schema import Part, Sample
from bench.routing.metrics import Outcome
from bench.run.config import RunConfig, config_of
from bench.run.folder import RunFolder
from bench.run.lines import ScoredLine, counted_lines
from bench.run.plan import plan, questions, states
from bench.scoring.base import ItemKey
from bench.scoring.book import Book
from bench.scoring.items import items_of
from bench.scoring.measures import Array
from bench.scoring.reading import Reader
from bench.scoring.score import SCORERS, rules_of
from bench.scoring.text import text_matcher
from shared.errors import DataError
from shared.messages import Path, Question, Status
from shared.routing import First, StreamState
from shared.routing.view import visible

__all__ = ["CostUnit", "Paired", "Row", "Verdicts", "answer_costs", "paired", "verdicts"]

_PATHS = (Path.S1, Path.S2)
_COMPUTE = ("gather", "retrieve", "vision", "model")
"""Stages in which something is computed for this one question."""


class CostUnit(StrEnum):
    """What an answer costs."""

    SECONDS = "seconds"
    """Seconds of work in the worker: gathering, retrieval, vision and model; no queueing."""
    LATENCY = "latency"
    """Seconds from eligible to final, as the bench saw them."""
    TOKENS = "tokens"
    """Tokens of prompt and reply."""
    USD = "usd"
    """US dollars, where a provider was paid."""
    CALLS = "calls"
    """One an answer."""


class Row(NamedTuple):
    """One question of the table."""

    key: ItemKey
    part: Part
    task: str
    question: Question
    """As a policy sees it: without anything that could hold an answer, a part or an ability."""
    state: StreamState
    first: First
    """How S1's answer turned out."""
    once: bool
    """It is answered once, at its ask time: it neither stands nor is polled."""
    leans_on: tuple[int, ...]
    """Rows of earlier turns whose answers this one was told."""
    said: tuple[str, str]
    """What S1 and S2 said."""
    asked: str = ""
    """The text that was asked, where it is not the question's own: a slot was filled. Not for policies."""


class Paired(NamedTuple):
    """The table; arrays have a place a row."""

    run: str
    rows: Sequence[Row]
    outcome: Outcome
    unit: CostUnit
    latency: tuple[Array, Array]
    """Seconds by path; NaN where none was measured."""
    seed: int = 0
    videos: Sequence[str] = ()
    """The identity of each row's video."""

    def only(self, mask: NDArray[np.bool_]) -> Paired:
        """Some of the rows; what they lean on is looked for among those that stay."""
        kept = np.flatnonzero(mask)
        places = {old: new for new, old in enumerate(kept.tolist())}
        rows = [
            row._replace(leans_on=tuple(places[at] for at in row.leans_on if at in places))
            for row in (self.rows[place] for place in places)
        ]
        held = self.outcome
        outcome = Outcome(held.y1[kept], held.y2[kept], held.c1[kept], held.c2[kept], held.clusters[kept])
        latency = (self.latency[0][kept], self.latency[1][kept])
        videos = [self.videos[place] for place in places] if self.videos else ()
        return self._replace(rows=rows, outcome=outcome, latency=latency, videos=videos)


class _Line(ScoredLine, frozen=True, gc=False):
    """With the text that was asked, where it is not the sample's."""

    question: str | None = None


class Verdicts(NamedTuple):
    """Every judged answer of a run, by question and path."""

    right: Mapping[tuple[ItemKey, str], bool]
    videos: Mapping[ItemKey, int]
    parts: Mapping[ItemKey, tuple[Part, str]]
    """Part and task."""


def verdicts(folder: RunFolder, config: RunConfig, samples: Sequence[Sample]) -> Verdicts:
    """Judge the records of a run by its own rules."""
    rules = rules_of(config, text_matcher(config.scoring.text))
    reader = Reader(items_of(samples, rules), SCORERS, rules)
    reader.read(folder.scored())
    right: dict[tuple[ItemKey, str], bool] = {}
    videos, parts = {}, {}
    for part in Part:
        for item in reader.items(part):
            videos[item.key], parts[item.key] = item.video, (part, item.task)
        for path, book in reader.books(part).items():
            right |= {(key, path): correct for key, correct in _verdicts(book)}
    return Verdicts(right, videos, parts)


def paired(folder: RunFolder, *, unit: CostUnit = CostUnit.SECONDS, parts: Iterable[str] = ()) -> Paired:
    """The table of a run that was played with `--route both`; `parts` leaves the others out. Raises `DataError`."""
    manifest = folder.manifest()
    config = config_of(manifest.settings)
    dataset = folder.dataset()
    judged = verdicts(folder, config, dataset.samples)
    wanted = {Part(part) for part in parts} or set(Part)
    keys = [
        key
        for key, (part, _) in judged.parts.items()
        if part in wanted and all((key, path) in judged.right for path in _PATHS)
    ]
    if not keys:
        text = f"{folder.path}: no question was answered by both paths"
        raise DataError(f"{text}: play it with --route both, which asks S1 and S2 everything")
    lines = _finals(folder)
    found = _questions(config, plan(dataset, config.ask_rules()), dataset.samples)
    keys = [key for key in keys if key in found]
    places = {key: place for place, key in enumerate(keys)}
    rows = [_row(key, judged, found[key], lines, places) for key in keys]
    right = [np.array([judged.right[key, path] for key in keys], np.float64) for path in _PATHS]
    costs = [_costs([lines[key, path] for key in keys], unit, folder, path) for path in _PATHS]
    latency = [np.array([_number(lines[key, path].latency_s) for key in keys]) for path in _PATHS]
    clusters = np.array([judged.videos[key] for key in keys], np.int64)
    outcome = Outcome(right[0], right[1], costs[0], costs[1], clusters)
    names = {sample.id: sample.video for sample in dataset.samples}
    videos = [names[key.sample] for key in keys]
    return Paired(manifest.run, rows, outcome, unit, (latency[0], latency[1]), config.stream.seed, videos)


class _Asked(NamedTuple):
    question: Question
    state: StreamState
    once: bool
    before: tuple[ItemKey, ...]


def _questions(config: RunConfig, plays: Iterable[Any], samples: Iterable[Sample]) -> dict[ItemKey, _Asked]:
    """Every question as a router would meet it, and the turns that it leans on."""
    links = {
        (sample.id, number): tuple(link.turn for link in turn.depends_on)
        for sample in samples
        for number, turn in enumerate(sample.turns)
        if turn.depends_on
    }
    found = {}
    for play in plays:
        items = questions(play, "replay")
        seen = states(items, config.profile())
        for item in items:
            before = links.get((item.sample, item.turn), ())
            found[ItemKey(item.sample, item.turn, item.probe)] = _Asked(
                item.question,
                seen[item.key],
                item.question.standing is None and not item.polls,
                tuple(ItemKey(item.sample, turn, 0) for turn in before),
            )
    return found


def _row(
    key: ItemKey,
    judged: Verdicts,
    asked: _Asked,
    lines: Mapping[tuple[ItemKey, str], _Line],
    places: Mapping[ItemKey, int],
) -> Row:
    one, two = (lines[key, path] for path in _PATHS)
    return Row(
        key,
        *judged.parts[key],
        visible(asked.question),
        asked.state,
        First(Status(one.status), one.confidence),
        asked.once,
        tuple(places[earlier] for earlier in asked.before if earlier in places),
        (one.choice or one.raw, two.choice or two.raw),
        two.question or one.question or "",
    )


def _finals(folder: RunFolder) -> dict[tuple[ItemKey, str], _Line]:
    """The final of each question and path, by the highest attempt."""
    found: dict[tuple[ItemKey, str], _Line] = {}
    for line in counted_lines(folder.records_path, _Line):
        if line.kind == "final":
            found.setdefault((ItemKey(line.sample, line.turn, line.probe), line.path), line)
    return found


def _verdicts(book: Book) -> Iterable[tuple[ItemKey, bool]]:
    return zip((item.key for item in book.judged()), book.correct.tolist(), strict=True)


def answer_costs(folder: RunFolder, unit: CostUnit) -> dict[tuple[ItemKey, str], float]:
    """What each answer of a run cost, by question and path; one that was not measured costs its path's mean."""
    lines = _finals(folder)
    found: dict[tuple[ItemKey, str], float] = {}
    for path in _PATHS:
        keys = [key for key in lines if key[1] == path]
        if keys:
            found |= dict(
                zip(keys, _costs([lines[key] for key in keys], unit, folder, path).tolist(), strict=True)
            )
    return found


def _costs(lines: Sequence[ScoredLine], unit: CostUnit, folder: RunFolder, path: Path) -> Array:
    """One an answer; what was not measured (an answer that never came) costs as much as the mean."""
    costs = np.array([_cost(line, unit) for line in lines])
    if np.isnan(costs).all():
        text = f"{folder.path}: no answer of {path} has a cost in {unit}"
        raise DataError(f"{text}: choose another --cost ({', '.join(CostUnit)})")
    return np.where(np.isnan(costs), np.nanmean(costs), costs)


def _cost(line: ScoredLine, unit: CostUnit) -> float:
    if unit is CostUnit.CALLS:
        return 1.0
    if unit is CostUnit.LATENCY:
        return _number(line.latency_s)
    if unit is CostUnit.USD:
        return _number(line.usage.cost_usd)
    if unit is CostUnit.TOKENS:
        spent = line.usage.prompt_tokens + line.usage.output_tokens
        return float(spent) if spent else math.nan
    spent_s = sum(line.stages.get(stage, 0.0) for stage in _COMPUTE)
    return spent_s or math.nan


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)

"""From records to scores. A run folder can be scored again at any time, without running anything.

Of each play the highest attempt counts. Failures are finals, and wrong; a question without a final is
missing, which lowers coverage and takes the headline away. Records are read as a stream and judged one by
one; what is kept of each is a few numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from bench.data.schema import Part, Sample
from bench.run.config import RunConfig, config_of
from bench.run.folder import RunFolder
from bench.run.lines import ScoredLine
from bench.scoring.answers import Grader
from bench.scoring.base import PartScorer, Rules
from bench.scoring.clue import Clue
from bench.scoring.items import items_of
from bench.scoring.latency import Stopwatch
from bench.scoring.log import question_lines
from bench.scoring.official.runs import official_of_run
from bench.scoring.proactive import Proactive
from bench.scoring.reading import Reader
from bench.scoring.realtime import Realtime
from bench.scoring.reasoning import Reasoning
from bench.scoring.scores import Protocol, Scores, ScoreTable
from bench.scoring.sequential import Sequential
from bench.scoring.tables import PartInput, blind_books, part_scores
from bench.scoring.text import NORMALISED, TextMatcher, text_matcher
from shared.errors import DataError
from shared.messages import Path, Route

__all__ = ["LOG", "SCORERS", "Judged", "rules_of", "score", "score_run"]

LOG = "questions.jsonl"
"""A line a question and path: what was read, what was right, the verdict."""

SCORERS: Mapping[Part, PartScorer] = {
    scorer.part: scorer for scorer in (Realtime(), Reasoning(), Clue(), Proactive(), Sequential())
}

_FIXED: Mapping[str, tuple[str, ...]] = {
    Route.FORCE_S1: (Path.S1,),
    Route.FORCE_S2: (Path.S2,),
    Route.BOTH: (Path.S1, Path.S2),
}


class Judged(NamedTuple):
    """All verdicts, part by part, and the table made of them."""

    parts: Sequence[PartInput]
    table: ScoreTable
    stopwatch: Stopwatch


def score_run(
    folder: RunFolder,
    *,
    partial: bool = False,
    write: bool = True,
    profile: Literal["causal", "official"] = "causal",
    text: str | None = None,
) -> Scores:
    """Score a run folder, and write its `scores.json` and `questions.jsonl`; raises `DataError`, `ModelError`.

    `partial` allows headline numbers below full coverage. Profile `official` adds what the published rules
    give. `text` names another way to compare free text than the run's settings do.
    """
    manifest = folder.manifest()
    config = config_of(manifest.settings)
    dataset = folder.dataset()
    if (found := dataset.hash) != manifest.data.hash:
        text = f"{dataset.path}: hash {found} is not that of the run, {manifest.data.hash}"
        raise DataError(f"{text}; the file was changed: restore it")
    matcher = text_matcher(text or config.scoring.text)
    judged = score(dataset.samples, folder.scored(), rules_of(config, matcher))
    official = None
    if profile == "official":
        official = official_of_run(dataset.samples, folder.scored(), text=matcher)
    result = Scores(
        run=folder.path.resolve().name,
        mode=config.stream.mode,
        route=config.system.route,
        data=manifest.data.name,
        data_hash=manifest.data.hash,
        errata=manifest.data.errata,
        profile=profile,
        protocol=Protocol(
            clue=config.system.clue, proactive=config.system.proactive, history=config.system.history
        ),
        partial=partial,
        scores=judged.table,
        official=official,
        timings=judged.stopwatch.latencies(),
    )
    if write:
        folder.write_scores(result.model_dump(mode="json", exclude={"run"}))
        folder.write_bytes(LOG, question_lines(judged.parts))
    return result


def rules_of(config: RunConfig, matcher: TextMatcher = NORMALISED) -> Rules:
    """What scores depend on in a run's settings; `matcher` compares free text."""
    return Rules(
        profile=config.profile(),
        owes=_FIXED.get(config.system.route),
        seed=config.stream.seed,
        live=config.stream.mode == "live",
        clue=config.system.clue,
        proactive=config.system.proactive,
        horizon_s=config.stream.horizon_s,
        tick_s=config.stream.tick_s,
        grader=Grader(matcher),
    )


def score(
    samples: Iterable[Sample], lines: Iterable[ScoredLine], rules: Rules, *, blind: bool = True
) -> Judged:
    """Judge every answer that counts, and make the table. `samples` is passed over once.

    Without `blind` there are no baselines, and so no skill: for comparing runs.
    """
    reader = Reader(items_of(samples, rules), SCORERS, rules)
    reader.read(lines)
    given = [
        _part_input(SCORERS[part], reader, rules, blind=blind)
        for part in Part
        if reader.items(part) or reader.without_gold[part]
    ]
    missing = sum(_missing(part) for part in given)
    parts = tuple(part_scores(part) for part in given)
    table = ScoreTable(complete=missing == 0, missing=missing, text=rules.grader.matcher.name, parts=parts)
    return Judged(given, table, reader.stopwatch)


def _part_input(scorer: PartScorer, reader: Reader, rules: Rules, *, blind: bool) -> PartInput:
    items = reader.items(scorer.part)
    return PartInput(
        scorer=scorer,
        items=items,
        books=reader.books(scorer.part),
        blind=blind_books(scorer, items, rules) if blind else {},
        without_gold=reader.without_gold[scorer.part],
        rules=rules,
    )


def _missing(given: PartInput) -> int:
    if given.rules.owes is not None:
        answered = sum(len(book) for path, book in given.books.items() if path in given.rules.owes)
        return len(given.items) * len(given.rules.owes) - answered
    answered_places = {place for book in given.books.values() for place in book.places.tolist()}
    return len(given.items) - len(answered_places)

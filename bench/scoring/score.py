"""From records to scores. A run folder can be scored again at any time, without running anything.

Of each play the highest attempt counts. Failures are finals, and wrong; a question without a final is
missing, which lowers coverage and takes the headline away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bench.data.dataset import Dataset
from bench.data.schema import AnswerForm, Part
from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.run.records import Record
from bench.scoring.base import Item, ItemKey, Judged, PartScorer, Said, has_gold, items_of
from bench.scoring.latency import Timed, latencies
from bench.scoring.realtime import Realtime
from bench.scoring.reasoning import Reasoning
from bench.scoring.scores import Scores, ScoreTable
from bench.scoring.tables import PartInput, part_scores
from shared.errors import DataError
from shared.messages import Path, Profile, Route

__all__ = ["SCORERS", "Finals", "score", "score_run"]

SCORERS: Mapping[Part, PartScorer] = {Part.REALTIME: Realtime(), Part.REASONING: Reasoning()}
"""By part; the other three join here."""

_FIXED = {
    Route.FORCE_S1.value: (Path.S1,),
    Route.FORCE_S2.value: (Path.S2,),
    Route.BOTH.value: (Path.S1, Path.S2),
}


class Final(NamedTuple):
    """What scoring keeps of a final record: without frames, notes and tokens."""

    attempt: int
    play: int
    said: Said
    latency_s: float | None
    wait_s: float | None
    stages: Mapping[str, float]


Finals = Mapping[ItemKey, Mapping[str, Final]]
"""By question, then by path."""


def score_run(folder: RunFolder, *, partial: bool = False, write: bool = True) -> Scores:
    """Score a run folder, and write its `scores.json` and `judged.jsonl`; raises `DataError`.

    `partial` allows headline numbers below full coverage.
    """
    manifest = folder.manifest()
    config = config_of(manifest.settings)
    dataset = folder.dataset()
    if dataset.hash != manifest.data.hash:
        text = f"{dataset.path}: hash {dataset.hash} is not that of the run, {manifest.data.hash}"
        raise DataError(f"{text}; the file was changed: restore it")
    finals = gather(folder.iter_records())
    judged, scores = score(
        dataset, finals, profile=config.profile(), route=config.system.route, seed=config.stream.seed
    )
    result = Scores(
        run=manifest.run,
        mode=config.stream.mode,
        route=config.system.route,
        data=manifest.data.name,
        data_hash=manifest.data.hash,
        errata=manifest.data.errata,
        partial=partial,
        scores=scores,
        timings=latencies(_timed(finals, dataset)),
    )
    if write:
        folder.write_scores(result.model_dump(mode="json"))
        folder.write_lines("judged.jsonl", (_line(item) for item in judged))
    return result


def gather(records: Iterable[Record]) -> Finals:
    """The finals that count: of each play's highest attempt, the first for each question and path."""
    found: dict[ItemKey, dict[str, Final]] = {}
    highest: dict[int, int] = {}
    for record in records:
        highest[record.play] = max(record.attempt, highest.get(record.play, 0))
        if record.kind != "final":
            continue
        slot = found.setdefault(ItemKey(record.sample, record.turn, record.probe), {})
        held = slot.get(record.path)
        if held is None or held.attempt < record.attempt:
            slot[record.path] = _final(record)
    for slot in found.values():
        for path in [path for path, final in slot.items() if final.attempt < highest[final.play]]:
            del slot[path]
    return found


def score(
    dataset: Dataset, finals: Finals, *, profile: Profile, route: str, seed: int = 0
) -> tuple[list[Judged], ScoreTable]:
    """Every verdict on a question that a path answered, and the table made of them."""
    judged: list[Judged] = []
    parts = []
    missing = 0
    for part in sorted({sample.part for sample in dataset.samples}, key=list(Part).index):
        if part not in SCORERS:
            known = ", ".join(SCORERS)
            raise DataError(f"part {part} has no scorer in this version: choose --part {known}")
        items = [item for item in items_of(dataset) if item.part is part]
        given = _part_input(SCORERS[part], items, finals, profile=profile, route=route, seed=seed)
        parts.append(part_scores(given))
        judged += given.judged
        missing += given.missing
    return judged, ScoreTable(complete=missing == 0, missing=missing, parts=tuple(parts))


def _part_input(
    scorer: PartScorer, items: Sequence[Item], finals: Finals, *, profile: Profile, route: str, seed: int
) -> PartInput:
    clear = [item for item in items if has_gold(item)]
    judged = [
        _judge(scorer, item, path, final.said, profile)
        for item in clear
        for path, final in sorted(finals.get(item.key, {}).items())
    ]
    owes = _FIXED.get(route)
    held = {(verdict.item.key, verdict.path) for verdict in judged}
    answered = {key for key, _ in held}
    if owes is None:
        missing = sum(item.key not in answered for item in clear)
    else:
        missing = sum((item.key, path) not in held for item in clear for path in owes)
    return PartInput(
        scorer,
        clear,
        judged,
        None if owes is None else tuple(owes),
        missing,
        len(items) - len(clear),
        profile,
        seed,
    )


def _judge(scorer: PartScorer, item: Item, path: str, said: Said, profile: Profile) -> Judged:
    parsed, rung, correct, at_ask = scorer.judge(item, said)
    where = scorer.slice_of(item, profile)
    return Judged(item, str(path), said.status, parsed, rung, correct, at_ask, where)


def _final(record: Record) -> Final:
    raw = record.raw
    if record.form.value == AnswerForm.MCQ and record.choice is not None:
        raw = record.choice
    stages = {name: seconds for name, seconds in record.stages if seconds}
    said = Said(raw, record.status, record.t_emit if record.mode == "live" else None)
    return Final(record.attempt, record.play, said, record.latency_s, record.wait_s, stages)


def _timed(finals: Finals, dataset: Dataset) -> Iterable[Timed]:
    for item in items_of(dataset):
        for path, final in finals.get(item.key, {}).items():
            if final.said.status == "ok":
                yield Timed(item.part, str(path), final.latency_s, final.wait_s, final.stages)


def _line(verdict: Judged) -> dict[str, object]:
    item = verdict.item
    gold = item.answer.gold_at(item.t_ask)
    return {
        **item.key._asdict(),
        "path": verdict.path,
        "part": item.part,
        "task": item.task,
        "video": item.video,
        "t_ask": item.t_ask,
        "slice": verdict.slice,
        "status": verdict.status,
        "gold": None if gold is None else gold.text if gold.value is None else gold.value,
        "parsed": verdict.parsed,
        "rung": verdict.rung,
        "correct": verdict.correct,
        "correct_at_ask": verdict.correct_at_ask,
    }

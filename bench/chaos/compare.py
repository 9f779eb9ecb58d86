"""A run under faults against the same run without: what is lost, what is there twice, what is another answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from bench.chaos.outcome import Moved
from bench.files import read_json
from bench.run.audit import audit_run
from bench.run.folder import RunFolder
from bench.run.records import effective, strip_timings
from bench.scoring import score_run
from bench.scoring.scores import Scores

__all__ = ["Collected", "Difference", "collected", "compare"]


class Slot(NamedTuple):
    """What there is one record of; `tick` is null for finals."""

    sample: str
    turn: int
    probe: int
    path: str
    tick: int | None

    def __str__(self) -> str:
        what = "final" if self.tick is None else f"tick {self.tick}"
        return f"{self.sample} turn {self.turn} probe {self.probe} on {self.path}, {what}"


class Collected(NamedTuple):
    """The records that count, without timings; emissions keep the time for which they speak."""

    records: Mapping[Slot, Mapping[str, Any]]
    doubled: tuple[str, ...]


class Difference(NamedTuple):
    """What faults changed."""

    finals: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[Moved, ...]
    violations: tuple[str, ...]


def collected(folder: RunFolder) -> Collected:
    """The records of a folder by slot; raises `DataError` for a line that is no record."""
    found: dict[Slot, Mapping[str, Any]] = {}
    doubled = []
    for record in effective(folder.records()):
        slot = Slot(record.sample, record.turn, record.probe, record.path, record.tick)
        if slot in found:
            doubled.append(str(slot))
        found.setdefault(slot, {**strip_timings(record), "t_emit": record.t_emit})
    return Collected(found, tuple(doubled))


def compare(folder: RunFolder, reference: RunFolder) -> Difference:
    """Every difference; of live runs those that the clock makes, too."""
    here, there = collected(folder), collected(reference)
    changed = [
        f"{slot}: {', '.join(fields)}"
        for slot in here.records.keys() & there.records.keys()
        if (fields := _fields(here.records[slot], there.records[slot]))
    ]
    more = sorted(str(slot) for slot in here.records.keys() - there.records.keys())
    return Difference(
        finals=sum(slot.tick is None for slot in there.records),
        lost=tuple(sorted(str(slot) for slot in there.records.keys() - here.records.keys())),
        doubled=(*here.doubled, *more),
        changed=tuple(sorted(changed)),
        moved=tuple(_moved(_scores(folder), _scores(reference))),
        violations=tuple(str(one) for one in audit_run(folder).violations),
    )


def _fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def _scores(folder: RunFolder) -> Scores:
    """Those that the run left, if it got so far."""
    file = folder.path / "scores.json"
    if file.exists():
        with contextlib.suppress(ValidationError):
            return Scores.model_validate(read_json(file))
    return score_run(folder, partial=True)


def _moved(here: Scores, there: Scores) -> list[Moved]:
    before, after = _values(there), _values(here)
    keys = sorted(before.keys() | after.keys())
    return [
        Moved(part=key[0], path=key[1], score=key[2], before=before.get(key), after=after.get(key))
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _values(scores: Scores) -> dict[tuple[str, str, str], float | None]:
    return {
        (part.part, row.path, score.name): score.estimate.value
        for part in scores.scores.parts
        for row in part.rows
        for score in (row.primary, *row.scores)
    }

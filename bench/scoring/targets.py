"""What a prediction can be about: every question of a data set at each of its times, numbered from 0.

A question is named by `sample_id`, or as its source names it: `native_id` and `task`. Without `turn` the first
is meant. OVO-Bench's step task has a turn a step: without `turn`, and by native name with turn 0 too, `probe`
counts through the file's `test_info`, since the source knows no turns.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bench.data.schema import Sample
from bench.scoring.official.table import is_free

__all__ = ["Target", "Targets"]

_STEPS = "ovo.ssr@1"


class Target(NamedTuple):
    """One question at one of its times."""

    slot: int
    free: bool
    """Whether it may have several predictions."""
    name: str
    """For messages."""


class Targets:
    """Every question of a data set. Lookups raise `LookupError` with a text that names what is wrong."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._ids: dict[str, int] = {}
        self._turns = array("q", [0])
        """Where a sample's turns begin in `_starts`."""
        self._starts = array("q", [0])
        """Where a turn's slots begin."""
        self._free = bytearray()
        self._steps: dict[int, list[tuple[int, int]]] = {}
        self._native: dict[str, list[tuple[int, frozenset[str]]]] | None = None
        for number, sample in enumerate(samples):
            self._ids[sample.id] = number
            self._take(number, sample)

    @property
    def count(self) -> int:
        """How many slots there are."""
        return self._starts[-1]

    def slot(self, number: int, turn: int, probe: int) -> int:
        """The slot of a sample's turn and probe, which must exist."""
        return self._starts[self._turns[number] + turn] + probe

    def by_id(self, sample_id: str, turn: int | None, probe: int | None) -> Target:
        """The question of a sample of this set."""
        number = self._ids.get(sample_id)
        if number is None:
            raise LookupError(f"sample_id {sample_id[:80]!r} is not in the data set")
        return self._target(number, f"sample {sample_id[:80]!r}", turn, probe)

    def by_native(self, native_id: str, task: str, turn: int | None, probe: int | None) -> Target:
        """The question that its source calls so; `task` tells apart those of one name."""
        if self._native is None:
            self._native = _natives(self._samples)
        known = self._native.get(native_id, [])
        found = [number for number, names in known if not task or task.casefold() in names]
        name = f"native_id {native_id[:80]!r}" + (f" of task {task[:40]!r}" if task else "")
        if not found:
            raise LookupError(f"{name} is not in the data set")
        if len(found) > 1:
            more = "use sample_id" if task else "give its task, or use sample_id"
            raise LookupError(f"{name} stands for {len(found)} samples: {more}")
        return self._target(found[0], name, turn or None, probe)

    def _take(self, number: int, sample: Sample) -> None:
        for turn in sample.turns:
            free = is_free(turn)
            self._free.append(free)
            self._starts.append(self._starts[-1] + (1 if free else len(turn.asks)))
        self._turns.append(len(self._starts) - 1)
        if sample.scoring.profile == _STEPS and len(sample.turns) > 1:
            self._steps[number] = _places(sample)

    def _target(self, number: int, name: str, turn: int | None, probe: int | None) -> Target:
        if turn is None and self._steps.get(number):
            places = self._steps[number]
            if (probe or 0) >= len(places):
                raise LookupError(f"{name} has {len(places)} probes, none is {probe}")
            turn, probe = places[probe or 0]
        turn, probe = turn or 0, probe or 0
        begin, end = self._turns[number], self._turns[number + 1]
        if turn >= end - begin:
            raise LookupError(f"{name} has {end - begin} turns, none is {turn}")
        free = bool(self._free[begin + turn])
        slots = self._starts[begin + turn + 1] - self._starts[begin + turn]
        if not free and probe >= slots:
            raise LookupError(f"{name} turn {turn} has {slots} probes, none is {probe}")
        slot = self._starts[begin + turn] + (0 if free else probe)
        return Target(slot, free, f"{name} turn {turn} probe {probe}")


def _places(sample: Sample) -> list[tuple[int, int]]:
    """Turn and probe of each entry of `test_info` (as the importer places them); empty when there is none."""
    native = sample.source.native
    entries = native.get("test_info") if isinstance(native, dict) else None
    turns: dict[str, int] = {}
    seen: Counter[str] = Counter()
    places = []
    for entry in entries if isinstance(entries, list) else ():
        step = str(entry.get("step")) if isinstance(entry, dict) else ""
        places.append((turns.setdefault(step, len(turns)), seen[step]))
        seen[step] += 1
    return places


def _natives(samples: Sequence[Sample]) -> dict[str, list[tuple[int, frozenset[str]]]]:
    """By what the source calls a sample; where it has no name, by its place in the file."""
    found: dict[str, list[tuple[int, frozenset[str]]]] = {}
    for number, sample in enumerate(samples):
        names = {
            sample.task,
            sample.source.subset,
            sample.scoring.profile.partition("@")[0].rpartition(".")[2],
        }
        tasks = frozenset(name.casefold() for name in names if name)
        pointer = sample.source.pointer
        keys = {sample.source.native_id} if sample.source.native_id else {pointer, pointer.removeprefix("/")}
        for key in keys - {""}:
            found.setdefault(key, []).append((number, tasks))
    return found

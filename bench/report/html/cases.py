"""The questions that a report shows one by one, with the answers, frames, notes and routes of both systems.

A run may have a million: so many are taken of each part and outcome that all are there, the rest is left out and
said. What is read is `questions.jsonl` for the verdicts and `records.jsonl` for the evidence, each as a stream.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from bench.data.schema import Sample, Turn
from bench.report.words import SLICES
from bench.run.folder import RunFolder
from bench.run.lines import whole_lines
from bench.run.records import Record
from bench.scoring.score import LOG

__all__ = ["Case", "Cases", "cases_of"]

Slot = tuple[str, int, int]
"""Sample, turn, probe."""


class Case(NamedTuple):
    """One question as the page has it: JSON values only."""

    video: str
    """What the reader would open."""
    shown: dict[str, Any]
    sha256: str | None = None
    """Of the video that was played; null where the data set does not say."""


class Cases(NamedTuple):
    """What is shown, and of how many."""

    held: Sequence[Case]
    total: int


def cases_of(folder: RunFolder, most: int) -> Cases:
    """At most `most` questions of a scored run, in the order of its data set; needs its `questions.jsonl`."""
    verdicts, total = _chosen(folder, most)
    wanted, dataset = {name for name, _, _ in verdicts}, folder.dataset()
    samples = {sample.id: sample for sample in dataset.samples if sample.id in wanted}
    told = _told(folder, set(verdicts))
    held = [
        Case(
            dataset.uri(samples[slot[0]]),
            _case(samples[slot[0]], slot, lines, told.get(slot, {})),
            samples[slot[0]].streams[0].sha256,
        )
        for slot, lines in verdicts.items()
        if slot[0] in samples
    ]
    return Cases(held, total)


def _chosen(folder: RunFolder, most: int) -> tuple[dict[Slot, list[dict[str, Any]]], int]:
    """Verdicts by question; as evenly over parts and outcomes as there are any."""
    kinds: dict[tuple[str, str], list[Slot]] = defaultdict(list)
    held: dict[Slot, list[dict[str, Any]]] = {}
    for lines in _questions(folder):
        first = lines[0]
        slot = (first["sample"], first["turn"], first["probe"])
        held[slot] = lines
        kinds[first["part"], _outcome(lines)].append(slot)
    quota = _quota({kind: len(slots) for kind, slots in kinds.items()}, most)
    kept = {slot for kind, slots in kinds.items() for slot in _spread(slots, quota[kind])}
    return {slot: lines for slot, lines in held.items() if slot in kept}, len(held)


def _questions(folder: RunFolder) -> Iterator[list[dict[str, Any]]]:
    """The lines of each question together: they stand one behind the other."""
    lines: list[dict[str, Any]] = []
    for raw in whole_lines(folder.path / LOG):
        line = msgspec.json.decode(raw)
        if lines and any(lines[0][name] != line[name] for name in ("sample", "turn", "probe")):
            yield lines
            lines = []
        lines.append(line)
    if lines:
        yield lines


def _outcome(lines: Sequence[Mapping[str, Any]]) -> str:
    right = {line["path"]: line["correct"] for line in lines}
    return " ".join(f"{path}:{'right' if right[path] else 'wrong'}" for path in sorted(right))


def _quota(sizes: Mapping[Any, int], most: int) -> dict[Any, int]:
    """How many of each kind: equal shares, what small kinds leave going to the others."""
    quota, left, open_kinds = dict.fromkeys(sizes, 0), most, sorted(sizes, key=lambda kind: sizes[kind])
    while open_kinds:
        kind = open_kinds.pop(0)
        quota[kind] = min(sizes[kind], left // (len(open_kinds) + 1))
        left -= quota[kind]
    return quota


def _spread(slots: Sequence[Slot], count: int) -> list[Slot]:
    return [slots[n * len(slots) // count] for n in range(count)] if count else []


def _told(folder: RunFolder, wanted: set[Slot]) -> dict[Slot, dict[str, list[Record]]]:
    """The records of these questions by path, of each play those of its highest attempt."""
    highest: Counter[int] = Counter()
    found: dict[Slot, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in folder.iter_records():
        highest[record.play] = max(highest[record.play], record.attempt)
        if (slot := (record.sample, record.turn, record.probe)) in wanted:
            found[slot][record.path].append(record)
    return {
        slot: {
            path: [r for r in records if r.attempt == highest[r.play]] for path, records in by_path.items()
        }
        for slot, by_path in found.items()
    }


def _case(
    sample: Sample,
    slot: Slot,
    verdicts: Sequence[Mapping[str, Any]],
    told: Mapping[str, Sequence[Record]],
) -> dict[str, Any]:
    turn, first = sample.turns[slot[1]], verdicts[0]
    return {
        "sample": sample.id,
        "turn": slot[1],
        "probe": slot[2],
        "part": first["part"],
        "task": first["task"],
        "slice": SLICES.get(first["slice"], first["slice"]),
        "video": PurePath(sample.uri).name,
        "duration": sample.streams[0].duration_s,
        "t": first["t_ask"],
        "question": _wording(turn, told),
        "options": [[option.key, option.text] for option in turn.answer.options],
        "gold": first["gold"],
        "blind": first["blind"],
        "evidence": [[e.span.from_s, e.span.to_s] for e in turn.evidence],
        "answers": {line["path"]: _answer(line, told.get(line["path"], ())) for line in verdicts},
    }


def _wording(turn: Turn, told: Mapping[str, Sequence[Record]]) -> str:
    asked = next((r.question for path in sorted(told) for r in told[path] if r.question), None)
    return asked or turn.question


def _answer(line: Mapping[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    found: dict[str, Any] = {name: line[name] for name in ("status", "parsed", "rung", "correct")}
    final = next((record for record in records if record.kind == "final"), None)
    ticks = [record for record in records if record.kind == "emission"]
    if final is None:
        return found
    # What a standing question's answer rests on is what its looks had in view.
    about = next((r for r in reversed(ticks) if r.speak), ticks[-1]) if ticks else final
    found |= {
        "raw": final.raw,
        "error": final.error,
        "confidence": about.confidence,
        "probs": about.probs,
        "latency": final.latency_s,
        "route": final.route,
        "score": final.route_score,
        "reason": final.route_reason,
        "stages": {
            name: value for name, value in final.stages.model_dump().items() if value and name != "total"
        },
        "frames": [[index, t] for index, t in zip(about.frames_idx, about.frames_ts, strict=False)],
        "notes": [[note.t_start, note.t_end, note.text] for note in about.notes],
        "partial": about.partial,
        "said": [[r.t_emit, r.choice or r.raw] for r in ticks if r.speak is not False][:200],
        "spoke": any(r.speak for r in ticks),
        "compact": about.compact is not None,
    }
    return found

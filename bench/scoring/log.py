"""The log of verdicts, `questions.jsonl`: a line a question and path, in the order of the data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bench.scoring.base import gold_at, gold_text
from bench.scoring.tables import PartInput

__all__ = ["question_lines"]


def question_lines(parts: Sequence[PartInput]) -> Iterator[bytes]:
    """The lines, part by part, with their line ends.

    Fields: sample, turn, probe, path; part, task, video (its number), t_ask, slice; status, gold, parsed, rung;
    correct, correct_at_ask; blind (the baselines that are right); and what the part adds.
    """
    encode = msgspec.json.Encoder(order="deterministic").encode
    for given in parts:
        for line in _part_lines(given):
            yield encode(line) + b"\n"


def _part_lines(given: PartInput) -> Iterator[dict[str, object]]:
    rows = {path: dict(zip(b.places.tolist(), range(len(b)), strict=True)) for path, b in given.books.items()}
    blind = {name: book.correct.tolist() for name, book in given.blind.items()}
    for place, item in enumerate(given.items):
        common = {
            "sample": item.key.sample,
            "turn": item.key.turn,
            "probe": item.key.probe,
            "part": item.part.value,
            "task": item.task,
            "video": item.video,
            "t_ask": item.t_ask,
            "slice": given.scorer.slice_of(item, given.rules),
            "gold": gold_text(gold_at(item, item.t_ask)),
            "blind": [name for name, right in blind.items() if right[place]],
        }
        for path, book in given.books.items():
            row = rows[path].get(place)
            if row is not None:
                yield {
                    **common,
                    "path": path,
                    "status": book.status(row).value,
                    "parsed": book.parsed[row],
                    "rung": book.rung(row),
                    "correct": bool(book.correct[row]),
                    "correct_at_ask": bool(book.correct_at_ask[row]),
                    **book.notes.get(place, {}),
                }

"""Compact records: what scores and audits need stays, the evidence itself goes and leaves a hash.

The text of an answer that a rule reads (a choice, yes or no, a count, WAIT) is replaced by the shortest text
that reads the same, by the same rung: a label for a sentence. Free text is the answer itself, and stays. Of
frames and notes there remain number, first, last and hash, so that causality and the window can still be
audited. A hash is 16 hex digits of the SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bench.data.schema import AnswerForm, AnswerSpec, Sample
from bench.files import encoded
from bench.run.records import Compact, Record
from bench.scoring.answers import parse_answer
from bench.scoring.ladder import Parsed

__all__ = ["Compactor", "compacted", "digest"]

_FREE = frozenset({AnswerForm.TEXT, AnswerForm.EMIT, AnswerForm.MULTI_REPLY, AnswerForm.SILENCE})
_LABEL = re.compile(r"yes|no|wait|\d{1,9}", re.IGNORECASE)
_OF_THE_RUN = frozenset({"opening", "run"})


class Compactor:
    """Makes the records of these samples compact; a callable for `RunFolder.writer`."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._answers = {
            (sample.id, number): turn.answer.model_copy(update={"gold": ()})
            for sample in samples
            for number, turn in enumerate(sample.turns)
        }

    def __call__(self, record: Record) -> Record:
        """The compact form of a record; one of an unknown question keeps its text."""
        return compacted(record, self._answers.get((record.sample, record.turn)))


def compacted(record: Record, answer: AnswerSpec | None) -> Record:
    """The compact form; without `answer` the text is kept. What is compact already stays as it is."""
    if record.compact is not None:
        return record
    indices, times, notes = record.frames_idx, record.frames_ts, record.notes
    kept = Compact(
        raw_hash=digest(record.raw),
        rationale_hash=digest(record.rationale),
        written_hash=digest(record.written),
        question_hash=digest(record.question or ""),
        history=len(record.history),
        history_hash=digest([turn.model_dump(mode="json") for turn in record.history])
        if record.history
        else "",
        frames=len(times),
        frame_first=indices[0] if indices else None,
        frame_last=indices[-1] if indices else None,
        seen_from_s=min(times, default=None),
        seen_to_s=max(times, default=None),
        frames_hash=digest([list(indices), list(times)]) if times or indices else "",
        notes=len(notes),
        told_from_s=min((note.t_start for note in notes), default=None),
        told_to_s=max((note.t_end for note in notes), default=None),
        foreign_notes=sum(note.opening != record.opening for note in notes),
        notes_hash=digest([note.model_dump(mode="json", exclude=set(_OF_THE_RUN)) for note in notes])
        if notes
        else "",
    )
    dropped: dict[str, Any] = {"rationale": "", "written": "", "question": None, "history": ()}
    dropped |= {"frames_idx": (), "frames_ts": (), "notes": ()}
    raw = record.raw if answer is None else _shortest(record.raw, answer)
    return record.model_copy(update={**dropped, "raw": raw, "compact": kept})


def digest(value: Any) -> str:
    """16 hex digits of the SHA-256 of a text, or of a value's canonical JSON; empty for the empty text."""
    if value == "":
        return ""
    body = value.encode(errors="surrogatepass") if isinstance(value, str) else encoded(value)
    return hashlib.sha256(body).hexdigest()[:16]


def _shortest(raw: str, answer: AnswerSpec) -> str:
    """The first of the candidates that reads as `raw` does; `raw` itself where none does, or none may."""
    free = answer.form in _FREE or (answer.form is AnswerForm.SUFFICIENCY and not answer.options)
    if free or _LABEL.fullmatch(raw) or raw in {option.key for option in answer.options}:
        return raw
    wanted = parse_answer(raw, answer.form, answer.options)
    for text in _candidates(wanted, answer):
        if len(text) < len(raw) and parse_answer(text, answer.form, answer.options) == wanted:
            return text
    return raw


def _candidates(wanted: Parsed, answer: AnswerSpec) -> Iterator[str]:
    if wanted.value is not None:
        yield wanted.value
        yield f"answer is {wanted.value}"
        yield f"{wanted.value}. -"
        yield from (option.text for option in answer.options if option.key == wanted.value)
    yield "-"
    yield ", ".join(option.key for option in answer.options[:2])
    yield "yes no"
    yield "1 2"

"""What a record says of its evidence, whether it lists frames and notes or, compact, sums them up."""

from __future__ import annotations

from typing import NamedTuple

from bench.run.records import Record

__all__ = ["Evidence", "evidence_of"]


class Evidence(NamedTuple):
    """Frames and notes that were in the prompt; times are seconds of stream time."""

    frames: int
    reach: int
    """Frame indices from the first to the last."""
    seen_from_s: float | None
    seen_to_s: float | None
    notes: int
    told_from_s: float | None
    told_to_s: float | None
    foreign_notes: int
    """Notes of another opening."""
    fault: str = ""
    """What is wrong with the lists themselves."""


def evidence_of(record: Record) -> Evidence:
    """The evidence of a record."""
    kept = record.compact
    if kept is None:
        return _listed(record)
    reach = 0 if kept.frame_first is None or kept.frame_last is None else kept.frame_last - kept.frame_first
    return Evidence(
        kept.frames,
        reach,
        kept.seen_from_s,
        kept.seen_to_s,
        kept.notes,
        kept.told_from_s,
        kept.told_to_s,
        kept.foreign_notes,
    )


def _listed(record: Record) -> Evidence:
    indices, times, notes = record.frames_idx, record.frames_ts, record.notes
    return Evidence(
        len(times),
        indices[-1] - indices[0] if indices else 0,
        min(times, default=None),
        max(times, default=None),
        len(notes),
        min((note.t_start for note in notes), default=None),
        max((note.t_end for note in notes), default=None),
        sum(note.opening != record.opening for note in notes),
        _fault(record),
    )


def _fault(record: Record) -> str:
    if len(record.frames_idx) != len(record.frames_ts):
        return f"{len(record.frames_idx)} frame indices for {len(record.frames_ts)} times"
    if list(record.frames_ts) != sorted(set(record.frames_ts)):
        return "frame times do not ascend"
    backward = next((note for note in record.notes if note.t_start > note.t_end), None)
    return f"a note of {backward.t_start:g} to {backward.t_end:g} s" if backward else ""

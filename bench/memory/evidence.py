"""Evidence recall: did a note about the evidence reach the prompt?

Of the reasoning questions whose evidence is known, the share for which one of the notes in the prompt lies within a
span of it. It looks at times alone: whether the note says what the question asks for is another matter.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from bench.data.schema import Evidence, Part
from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.run.records import effective
from shared.messages import Note, Path

__all__ = ["Recall", "evidence_recall", "in_evidence"]

_TELLING = frozenset({"s1", "oracle"})
"""Sources whose notes are about what was there when they say so."""


class Recall(BaseModel):
    """Evidence recall of one condition."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    questions: int
    share: float | None
    notes: float
    """Notes in the prompt of each, on average."""


def evidence_recall(folder: RunFolder) -> tuple[Recall | None, float]:
    """The recall of S2's reasoning answers, and the notes in their prompts on average.

    The recall is null where nothing was to be found: no memory, compact records, or notes that tell of something else.
    """
    config = config_of(folder.manifest().settings)
    samples = {sample.id: sample for sample in folder.dataset().samples if sample.part is Part.REASONING}
    hits, counts = list[bool](), list[int]()
    finals = (
        r for r in folder.iter_records() if r.kind == "final" and r.path is Path.S2 and r.sample in samples
    )
    compact = False
    for record in effective(finals):
        compact = compact or record.compact is not None
        counts.append(record.compact.notes if record.compact else len(record.notes))
        evidence = [
            e for e in samples[record.sample].turns[record.turn].evidence if e.span.from_s <= record.t_ask
        ]
        if evidence:
            hits.append(in_evidence(record.notes, evidence))
    mean = round(sum(counts) / len(counts), 4) if counts else 0.0
    memory = config.memory
    if compact or not memory.recall().reads or memory.source not in _TELLING or not hits:
        return None, mean
    return Recall(questions=len(hits), share=round(sum(hits) / len(hits), 6), notes=mean), mean


def in_evidence(notes: Sequence[Note], evidence: Sequence[Evidence]) -> bool:
    """Whether one of the notes overlaps a span of the evidence."""
    return any(n.t_start < e.span.to_s and n.t_end >= e.span.from_s for n in notes for e in evidence)

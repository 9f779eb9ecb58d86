"""CG-Bench, `cgbench.json`: choices about long videos, with the intervals in which the clues are seen.

Written from descriptions of the format, without a file at hand: fields beside those named are kept, not read.
A question is asked at the end of the video, after all of its clues.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.data.importers.base import NativeFile, Record, Reject
from bench.data.importers.build import (
    Notes,
    Origin,
    choose,
    evidence_of,
    free_text,
    make_sample,
    question_of,
    span_of,
)
from bench.data.importers.choices import read_choices, read_labelled
from bench.data.importers.fields import Node
from bench.data.importers.listing import ListImporter
from bench.data.importers.profiles import Bench, profile
from bench.data.schema import AnswerSpec, Part, Sample, Span, Turn

__all__ = ["CgBench"]


class CgBench(ListImporter):
    """`{qid, video_uid, question, answer, choices, right_answer, clue_intervals, duration?, sub_category?}`."""

    name = Bench.CG.value

    def samples(self, file: NativeFile, record: Record) -> Iterator[Sample | Reject]:
        """One sample a record."""
        node, notes = Node(record.value, record.pointer), Notes()
        duration = node.get("duration").seconds() if node.has("duration") else None
        native_id = node.get("qid").text() if node.has("qid") else ""
        video = node.get("video_uid" if node.has("video_uid") else "video").text()
        task = node.get("sub_category").text() if node.has("sub_category") else ""
        subset = file.subset or file.path.stem
        yield make_sample(
            Origin(self.name, subset, file.name, record.pointer, record.value, native_id),
            part=Part.REASONING,
            task=task,
            profile=profile("cg-bench"),
            uri=video,
            duration_s=duration,
            turns=[_turn(node, duration, notes)],
            notes=notes,
        )


def _turn(node: Node, duration: float | None, notes: Notes) -> Turn:
    spans = [_span(item, notes) for item in node.get("clue_intervals").items()]
    last = max((span.to_s for span in spans), default=0.0)
    if duration is None:
        notes.add("ts_unknown", node, "no duration is given; it is asked at the end of the last clue")
    return Turn(
        question=question_of(node, notes),
        ask_s=max(last, duration or 0.0),
        answer=_answer(node, notes),
        evidence=evidence_of(spans, kind="clue"),
    )


def _answer(node: Node, notes: Notes) -> AnswerSpec:
    if not node.has("choices"):
        return free_text(node, "answer")
    listed = node.get("choices")
    choices = (
        read_choices(listed, labelled=False) if isinstance(listed.value, list) else read_labelled(listed)
    )
    notes.take(choices.issues)
    return choose(choices.options, node, "right_answer" if node.has("right_answer") else "answer", notes)


def _span(node: Node, notes: Notes) -> Span:
    ends = node.items(least=2)
    return span_of(ends[0].seconds(), ends[1].seconds(), node, notes)

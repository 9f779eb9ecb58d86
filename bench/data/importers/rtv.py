"""RTV-Bench (arXiv 2505.02064), `QA.json`: choices in groups, the same question asked at several times.

Where one text with the same options is asked again later in its group, gold is a function of time: each answer
holds from the time it was asked at up to the next. Two answers for one time are a conflict, and noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from bench.data.importers.base import Misfit, NativeFile, Record, Reject, short_hash
from bench.data.importers.build import Notes, Origin, choose, make_sample, question_of
from bench.data.importers.choices import Choices, read_choices, read_labelled
from bench.data.importers.clock import read_stamp
from bench.data.importers.fields import Node
from bench.data.importers.listing import ListImporter
from bench.data.importers.profiles import Bench, profile
from bench.data.schema import Gold, Group, Part, Sample, Trigger, Turn

__all__ = ["RtvBench"]

_ID = re.compile(r"q-group-(.+)-([0-9]+)-option.*")


class RtvBench(ListImporter):
    """`{video, questionID, type, field, start_time, end_time, question, options, answer}`."""

    name = Bench.RTV.value

    def __init__(self) -> None:
        self._timed: dict[str, dict[float, set[str]]] = {}

    def read(self, files: Sequence[NativeFile]) -> Iterator[Sample | Reject]:
        """Twice through the files: first for the times at which each text is asked."""
        self._timed = {}
        for file in files:
            for record, fault in file.elements():
                if not fault:
                    self._note(record)
        yield from super().read(files)

    def _note(self, record: Record) -> None:
        node = Node(record.value, record.pointer)
        try:
            t, answer = read_stamp(node.get("end_time")).s, node.get("answer").text().strip()
            self._timed.setdefault(_text_of(node), {}).setdefault(t, set()).add(answer)
        except Misfit:
            return  # told when it is read

    def samples(self, file: NativeFile, record: Record) -> Iterator[Sample | Reject]:
        """One sample a record."""
        node, notes = Node(record.value, record.pointer), Notes()
        question_id = node.get("questionID").text()
        task = node.get("type").text(empty=True) if node.has("type") else ""
        origin = Origin(self.name, file.subset or "qa", file.name, record.pointer, record.value, question_id)
        yield make_sample(
            origin,
            part=Part.REALTIME,
            task=task,
            profile=profile("rtv"),
            uri=node.get("video").text(),
            turns=[self._turn(node, notes, task)],
            notes=notes,
            group=_group(node.get("questionID"), notes),
        )

    def _turn(self, node: Node, notes: Notes, task: str) -> Turn:
        choices = _choices(node.get("options"))
        notes.take(choices.issues)
        stamp, start = read_stamp(node.get("end_time")), 0.0
        notes.take(stamp.issues)
        if node.has("start_time"):
            start = read_stamp(node.get("start_time")).s
        answer = choose(choices.options, node, "answer", notes)
        asked = self._timed.get(_text_of(node), {})
        if len(asked.get(stamp.s, ())) > 1:
            both = ", ".join(sorted(asked[stamp.s]))
            notes.add("gold_conflict", node.get("answer"), f"{both} are all the answer at {stamp.s:g} s")
        elif len(asked) > 1 and answer.gold:
            said = node.get("answer").text().strip()
            answer = answer.model_copy(update={"gold": _by_time(asked, {said: answer.gold[0].value})})
        return Turn(
            question=question_of(node, notes),
            ask_s=stamp.s,
            trigger=Trigger(view_from=start) if start else None,
            answer=answer,
            ability=task,
        )


def _choices(options: Node) -> Choices:
    return read_choices(options) if isinstance(options.value, list) else read_labelled(options)


def _by_time(asked: dict[float, set[str]], read: dict[str, object]) -> tuple[Gold, ...]:
    """Each answer from its own time to the next; those at a time with two answers are left out."""
    clear = sorted((t, next(iter(said))) for t, said in asked.items() if len(said) == 1)
    ends = [*(later[0] for _, later in pairwise(clear)), None]
    return tuple(
        Gold(from_s=None if place == 0 else t, to_s=end, value=str(read.get(said, said)))
        for place, ((t, said), end) in enumerate(zip(clear, ends, strict=True))
    )


def _text_of(node: Node) -> str:
    """One key for records that ask the same: video, group, question and options."""
    match = _ID.fullmatch(str(node.get("questionID").value))
    group = match[1] if match else ""
    fields = [node.get(key).value for key in ("video", "question", "options")]
    return short_hash([group, *fields])


def _group(node: Node, notes: Notes) -> Group | None:
    match = _ID.fullmatch(node.text())
    if match is None:
        notes.add(
            "id_malformed", node, f"{node.value!r:.60} is not of the form q-group-<g>-<0|1|2>-option<k>"
        )
        return None
    return Group(id=match[1], role=f"q{match[2]}")

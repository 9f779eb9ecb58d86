"""OmniMMI (arXiv 2503.22952): six files, told apart by their fields.

MD and SG are chains whose questions may hold `##ANSWER##`, to be filled with the answer before; they are asked
when their interval ends (the offline clock). AP and PT give no time: they are asked at the end of the video,
once its length is known. PA is an alert inside a span; in PT the right answer is silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.data.importers.base import NativeFile, Record, Reject
from bench.data.importers.build import (
    Notes,
    Origin,
    evidence_of,
    free_text,
    make_sample,
    question_of,
    span_of,
)
from bench.data.importers.choices import read_choices
from bench.data.importers.clock import read_interval, read_stamp
from bench.data.importers.fields import Node
from bench.data.importers.listing import ListImporter
from bench.data.importers.profiles import Bench, profile
from bench.data.schema import (
    AnswerForm,
    AnswerSpec,
    Depends,
    Gold,
    Part,
    Sample,
    Span,
    StreamEvent,
    Trigger,
    Turn,
)

__all__ = ["SLOT", "OmniMmi"]

SLOT = "##ANSWER##"
_FILES = {
    "multiturn_dependency_reasoning": "md",
    "dynamic_state_grounding": "sg",
    "action_prediction": "ap",
    "speaker_identification": "si",
    "proactive_alerting": "pa",
    "proactive_turntaking": "pt",
}


class _Read(NamedTuple):
    part: Part
    turns: list[Turn]
    events: tuple[StreamEvent, ...] = ()
    modalities: tuple[str, ...] = ("video",)


class OmniMmi(ListImporter):
    """`{video, …}`: `qa` (MD, SG), `vocab` (AP), `timestamp` (SI), a span as `answer` (PA), `conversation` (PT)."""

    name = Bench.OMNIMMI.value

    def samples(self, file: NativeFile, record: Record) -> Iterator[Sample | Reject]:
        """One sample a record; a chain is one sample with several turns."""
        node, notes = Node(record.value, record.pointer), Notes()
        task = _task(file, node)
        readers = {"ap": _ap, "si": _si, "pa": _pa, "pt": _pt}
        read = readers[task](node, notes) if task in readers else _chain(node, notes)
        yield make_sample(
            Origin(self.name, task, file.name, record.pointer, record.value),
            part=read.part,
            task=task.upper(),
            profile=profile("omnimmi", task),
            uri=node.get("video").text(),
            turns=read.turns,
            events=read.events,
            modalities=read.modalities,
            notes=notes,
        )


def _task(file: NativeFile, node: Node) -> str:
    if file.subset.lower() in _FILES.values():
        return file.subset.lower()
    if node.has("qa"):
        named = _FILES.get(file.path.stem)
        if named in ("md", "sg"):
            return named
        slots = any(SLOT in str(turn.get("question").value) for turn in node.get("qa").items())
        return "md" if slots else "sg"
    if node.has("conversation"):
        return "pt"
    if node.has("vocab"):
        return "ap"
    return "pa" if isinstance(node.get("answer").value, list) else "si"


def _chain(node: Node, notes: Notes) -> _Read:
    turns: list[Turn] = []
    for place, item in enumerate(node.get("qa").items(least=1)):
        question, span = question_of(item, notes), _span(item, notes)
        depends: tuple[Depends, ...] = ()
        if SLOT in question and place:
            depends = (Depends(turn=place - 1, mode="slot", slot=SLOT),)
        elif SLOT in question:
            notes.add("slot_without_turn", item.get("question"), f"{SLOT} in the first question")
        turns.append(
            Turn(
                question=question,
                ask_s=span.to_s if span else turns[-1].ask_s if turns else 0.0,
                answer=free_text(item, "answer"),
                evidence=evidence_of([span] if span else [], kind="event"),
                depends_on=depends,
            )
        )
    if [turn.ask_s for turn in turns] != sorted(turn.ask_s for turn in turns):
        notes.add("times_unsorted", node.get("qa"), "a later turn is asked at an earlier time")
    return _Read(Part.SEQUENTIAL, turns)


def _ap(node: Node, notes: Notes) -> _Read:
    choices = read_choices(node.get("vocab"), labelled=False)
    notes.take(choices.issues)
    said = node.get("answer").text(empty=True).strip()
    keys = [option.key for option in choices.options if option.text == said]
    if len(keys) == 1:
        answer = AnswerSpec(options=choices.options, gold=(Gold(value=keys[0], text=said),))
    else:
        text = f"{said!r:.60} is {'twice' if keys else 'not'} in `vocab`; asked as free text"
        notes.add("gold_not_in_options", node.get("answer"), text)
        answer = free_text(node, "answer")
    return _Read(Part.REASONING, [_untimed(question_of(node, notes), answer, node, notes)])


def _si(node: Node, notes: Notes) -> _Read:
    answer, question = free_text(node, "answer"), question_of(node, notes)
    if not node.has("timestamp"):
        turn = _untimed(question, answer, node, notes)
    else:
        stamp = read_stamp(node.get("timestamp"))
        notes.take(stamp.issues)
        turn = Turn(question=question, ask_s=stamp.s, answer=answer)
    return _Read(Part.REASONING, [turn], modalities=("video", "audio"))


def _pa(node: Node, notes: Notes) -> _Read:
    """One span `[start, end]`, or a list of them."""
    given = node.get("answer").items(least=1)
    pairs = [item.items(least=2) for item in given] if isinstance(given[0].value, list) else [given]
    spans = []
    for ends in pairs:
        if len(ends) != 2:
            raise node.get("answer").fail(f"holds {len(ends)} numbers, a span has two")
        spans.append(span_of(ends[0].seconds(), ends[1].seconds(), node.get("answer"), notes))
    turn = Turn(
        question=question_of(node, notes),
        ask_s=0.0,
        trigger=Trigger(gold_spans=tuple(spans)),
        answer=AnswerSpec(form=AnswerForm.ALERT),
        evidence=evidence_of(spans, kind="event"),
    )
    return _Read(Part.PROACTIVE, [turn])


def _pt(node: Node, notes: Notes) -> _Read:
    """Earlier turns are what was said; the last one wants no answer."""
    turns = node.get("conversation").items(least=1)
    events = []
    for turn in turns[:-1]:
        for role, key in (("user", "human"), ("assistant", "assistant")):
            if turn.has(key):
                events.append(StreamEvent(t=0.0, kind="dialogue", role=role, content=turn.get(key).text()))
    last = turns[-1]
    if last.has("assistant"):
        notes.add("gold_conflict", last, "the last turn has an answer, though silence is right")
    silence = AnswerSpec(form=AnswerForm.SILENCE, gold=(Gold(value=""),))
    return _Read(Part.PROACTIVE, [_untimed(last.get("human").text(), silence, last, notes)], tuple(events))


def _untimed(question: str, answer: AnswerSpec, node: Node, notes: Notes) -> Turn:
    notes.add("ts_unknown", node, "no time is given; it is asked at the end of the video")
    return Turn(question=question, ask_s=0.0, answer=answer)


def _span(item: Node, notes: Notes) -> Span | None:
    """The interval of a turn; one that can't be read is noted."""
    stamp = item.get("timestamp")
    ends = read_interval(stamp.text(empty=True))
    if ends is None:
        said = f"{stamp.value!r:.60} is no interval; asked with the turn before"
        notes.add("ts_unparseable", stamp, said)
        return None
    return span_of(*ends, stamp, notes)

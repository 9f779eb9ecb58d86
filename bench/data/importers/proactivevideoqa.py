"""ProactiveVideoQA (arXiv 2507.09313), `anno.json`: standing questions with several replies, each in its span.

Gold replies hold in their `related_timespan`; replies count in their `reply_timespan`, which stands in the
trigger in the same order. Subtitles are user turns that begin with `Subtitle:`; they become timed events.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import PurePath

from bench.data.importers.base import NativeFile, Record, Reject
from bench.data.importers.build import Notes, Origin, evidence_of, make_sample, span_of
from bench.data.importers.fields import Node
from bench.data.importers.listing import ListImporter
from bench.data.importers.profiles import Bench, profile
from bench.data.schema import (
    AnswerForm,
    AnswerSpec,
    Gold,
    Part,
    Poll,
    Sample,
    Span,
    StreamEvent,
    Trigger,
    Turn,
)

__all__ = ["ProactiveVideoQa"]

_SUBTITLE = "Subtitle:"


class ProactiveVideoQa(ListImporter):
    """`{video, question_id, duration, conversation, answer, frame?, audio?}`."""

    name = Bench.PROACTIVEVIDEOQA.value

    def samples(self, file: NativeFile, record: Record) -> Iterator[Sample | Reject]:
        """One sample a record."""
        node, notes = Node(record.value, record.pointer), Notes()
        subset = file.subset or _subset(file)
        events = list(_events(node.get("conversation")))
        asked = next((event for event in events if event.kind == "user"), None)
        if asked is None:
            raise node.get("conversation").fail("holds no question of a user")
        duration = node.get("duration").seconds() if node.has("duration") else None
        others = tuple(event for event in events if event is not asked)
        native_id = node.get("question_id").text() if node.has("question_id") else ""
        yield make_sample(
            Origin(self.name, subset, file.name, record.pointer, record.value, native_id),
            part=Part.PROACTIVE,
            task=subset,
            profile=profile("proactivevideoqa"),
            uri=node.get("video").text(),
            duration_s=duration,
            modalities=("video", *(("subtitle",) if _subtitled(others) else ())),
            events=others,
            turns=[_turn(asked, node.get("answer"), duration, notes)],
            notes=notes,
        )


def _subset(file: NativeFile) -> str:
    """`EGO` of `EGO/anno.json` and of `EGO.anno.json`."""
    stem = PurePath(file.name).name.removesuffix(".json").removesuffix("anno").rstrip("._-")
    return stem or file.path.resolve().parent.name


def _events(conversation: Node) -> Iterator[StreamEvent]:
    for item in conversation.items(least=1):
        role, content = item.get("role").text(), item.get("content").text(empty=True)
        t = item.get("time").seconds() if item.has("time") else 0.0
        subtitle = role == "user" and content.startswith(_SUBTITLE)
        yield StreamEvent(t=t, kind="subtitle" if subtitle else role, role=role, content=content)


def _subtitled(events: tuple[StreamEvent, ...]) -> bool:
    return any(event.kind == "subtitle" for event in events)


def _turn(asked: StreamEvent, answers: Node, duration: float | None, notes: Notes) -> Turn:
    gold, reply, related = [], [], []
    for item in answers.items():
        when = _span(item.get("related_timespan"), notes)
        related.append(when)
        reply.append(_span(item.get("reply_timespan"), notes) if item.has("reply_timespan") else when)
        text = item.get("content").text(empty=True)
        gold.append(Gold(from_s=when.from_s, to_s=math.nextafter(when.to_s, math.inf), text=text))
    if not gold:
        notes.add("gold_missing", answers, "holds no reply: silence is right")
    starts = [span.from_s for span in related]
    if starts != sorted(starts):
        notes.add("times_unsorted", answers, "the replies are not in order of their spans")
    return Turn(
        question=asked.content,
        ask_s=asked.t,
        trigger=Trigger(gold_spans=tuple(reply), poll=_poll(asked.t, reply, duration)),
        answer=AnswerSpec(form=AnswerForm.MULTI_REPLY, gold=tuple(gold)),
        evidence=evidence_of(related, kind="event"),
    )


def _poll(ask: float, reply: list[Span], duration: float | None) -> Poll:
    """Each second from 1 to ceil(min(duration, end of the last reply)), as the polling of the VLMEvalKit fork."""
    end = max((span.to_s for span in reply), default=ask)
    if duration is not None:
        end = min(duration, end)
    rounds = math.ceil(end) if duration is None else min(int(duration), math.ceil(end))
    return Poll(every_s=1.0, from_s=1.0, to_s=float(max(1, rounds)))


def _span(node: Node, notes: Notes) -> Span:
    ends = node.items(least=2)
    if len(ends) > 2:
        raise node.fail(f"holds {len(ends)} numbers, a span has two")
    return span_of(ends[0].seconds(), ends[1].seconds(), node, notes)

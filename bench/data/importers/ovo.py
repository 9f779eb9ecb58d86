"""OVO-Bench (arXiv 2501.05510), `ovo_bench_new.json`: backward and real-time choices, and three forward tasks.

Forward gold is a function of time: CRR is ready from `clue_time` on; SSR is yes inside a step, both ends
included; REC counts the ends so far. `gt` is trusted over `answer`. SSR makes one turn a step: `place_of`
says where the n-th entry of `test_info` is asked. Where the file's gold for a probe is not what its times give,
`scoring.params.probe_gold["<turn>/<probe>"]` holds the file's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from bench.data.importers.base import NativeFile, Record, Reject
from bench.data.importers.build import Notes, Origin, evidence_of, make_sample, question_of, span_of
from bench.data.importers.choices import read_choices
from bench.data.importers.clock import read_stamp
from bench.data.importers.fields import Node
from bench.data.importers.listing import ListImporter
from bench.data.importers.profiles import Bench, profile
from bench.data.schema import AnswerForm, AnswerSpec, Gold, Part, Sample, Span, Turn

__all__ = ["OvoBench", "Place", "place_of"]

_BACKWARD = ("EPM", "HLD", "ASI")
_REALTIME = ("OJR", "STU", "OCR", "ATR", "ACR", "FPD")


class Place(NamedTuple):
    """Where one entry of `test_info` is asked in its sample."""

    turn: int
    probe: int


class _Read(NamedTuple):
    """What is noted while a record is read."""

    notes: Notes
    probe_gold: dict[str, str | bool | int]

    def conflict(self, place: Place, said: str | bool | int, node: Node, text: str) -> None:
        """Note that the file's own gold for a probe is not what the times give; the official score needs it."""
        self.notes.add("gold_conflict", node, text)
        self.probe_gold[f"{place.turn}/{place.probe}"] = said


class OvoBench(ListImporter):
    """`{id, task, video, …}`; the fields beside them depend on the task."""

    name = Bench.OVO.value

    def samples(self, file: NativeFile, record: Record) -> Iterator[Sample | Reject]:
        """One sample a record."""
        yield _sample(file, record)


def place_of(sample: Sample, number: int) -> Place | None:
    """Where entry `number` of a forward record's `test_info` is asked; null when there is no such entry."""
    native = sample.source.native
    entries = native.get("test_info") if isinstance(native, dict) else None
    if not isinstance(entries, list) or not 0 <= number < len(entries):
        return None
    if sample.task != "SSR":
        return Place(0, number)
    steps = [entry["step"] for entry in entries]
    turn = list(dict.fromkeys(steps)).index(steps[number])
    return Place(turn, steps[:number].count(steps[number]))


def _sample(file: NativeFile, record: Record) -> Sample:
    node, read = Node(record.value, record.pointer), _Read(Notes(), {})
    task = node.get("task").text().strip().upper()
    part, reader = _reader(task, node)
    native_id = node.get("id").text()
    origin = Origin(Bench.OVO, task, file.name, record.pointer, record.value, native_id)
    turns = reader(node, read)
    steps = [step.text() for step in node.get("all_steps").items()] if node.has("all_steps") else []
    return make_sample(
        origin,
        part=part,
        task=task,
        profile=profile("ovo", task),
        uri=node.get("video").text(),
        turns=turns,
        notes=read.notes,
        steps=steps,
        params={"probe_gold": read.probe_gold} if read.probe_gold else {},
    )


def _reader(task: str, node: Node) -> tuple[Part, Callable[[Node, _Read], list[Turn]]]:
    if task in _BACKWARD:
        return Part.REASONING, _choice
    if task in _REALTIME:
        return Part.REALTIME, _choice
    forward = {"CRR": _crr, "SSR": _ssr, "REC": _rec}
    if task in forward:
        return Part.CLUE, forward[task]
    known = ", ".join((*_BACKWARD, *_REALTIME, *forward))
    raise node.get("task").fail(f"{task!r:.40} is no task of this benchmark; it has {known}")


def _choice(node: Node, read: _Read) -> list[Turn]:
    choices = read_choices(node.get("options"), labelled=False)  # "J. Smith" is a name
    read.notes.take(choices.issues)
    gold = node.get("gt")
    place = gold.integer()
    if not 0 <= place < len(choices.options):
        read.notes.add(
            "gold_not_in_options", gold, f"{place} of {len(choices.options)} options, counted from 0"
        )
        value = str(place)
    else:
        chosen = choices.options[place]
        value = chosen.key
        if node.has("answer") and str(node.get("answer").value).strip() != chosen.text:
            said = f"`answer` differs from option {value}; `gt` is taken"
            read.notes.add("gold_text_differs", node.get("answer"), said)
    answer = AnswerSpec(options=choices.options, gold=(Gold(value=value),))
    stamp = read_stamp(node.get("realtime"))
    read.notes.take(stamp.issues)
    return [Turn(question=question_of(node, read.notes), ask_s=stamp.s, answer=answer)]


def _crr(node: Node, read: _Read) -> list[Turn]:
    """Whether the clue has come: WAIT before `clue_time`, READY from then on."""
    ask, clue = node.get("ask_time").seconds(), node.get("clue_time").seconds()
    entries = node.get("test_info").items(least=1)
    probes = [entry.get("realtime").seconds() for entry in entries]
    for place, (entry, t) in enumerate(zip(entries, probes, strict=True)):
        said = entry.get("type").integer()
        if said != int(t >= clue):
            read.conflict(
                Place(0, place),
                "READY" if said else "WAIT",
                entry.get("type"),
                f"at {t:g} s, clue at {clue:g} s",
            )
    gold = (
        Gold(to_s=clue, value="WAIT"),
        Gold(from_s=clue, value="READY", text=node.get("answer").text(empty=True)),
    )
    return [
        Turn(
            question=question_of(node, read.notes),
            ask_s=ask,
            probe_s=_sorted(probes, node, read.notes),
            answer=AnswerSpec(form=AnswerForm.SUFFICIENCY, gold=gold),
            evidence=evidence_of([Span(from_s=clue, to_s=clue)], kind="clue"),
        )
    ]


def _ssr(node: Node, read: _Read) -> list[Turn]:
    """Whether a step is going on; steps of one name are one question."""
    spans = _spans(node, read.notes, "start_time", "end_time")
    names = [step.text() for step in node.get("all_steps").items()]
    if len(names) != len(spans):
        raise node.get("all_steps").fail(f"holds {len(names)} steps, but there are {len(spans)} times")
    probes: dict[str, list[float]] = {}
    for entry in node.get("test_info").items(least=1):
        step, t = entry.get("step").text(), entry.get("realtime").seconds()
        own = [span for name, span in zip(names, spans, strict=True) if name == step]
        if not own:
            raise entry.get("step").fail(f"{step!r:.60} is none of `all_steps`")
        times, said = probes.setdefault(step, []), entry.get("type").integer()
        if said != int(any(s.from_s <= t <= s.to_s for s in own)):
            place = Place(list(probes).index(step), len(times))
            read.conflict(place, bool(said), entry.get("type"), f"at {t:g} s, against the step's own times")
        times.append(t)
    return [
        _step(step, times, [s for n, s in zip(names, spans, strict=True) if n == step], node, read.notes)
        for step, times in probes.items()
    ]


def _step(step: str, times: list[float], spans: list[Span], node: Node, notes: Notes) -> Turn:
    return Turn(
        question=f"Is this step being carried out right now: {step}?",
        ask_s=min(times),
        probe_s=_sorted(times, node, notes),
        answer=AnswerSpec(form=AnswerForm.YES_NO, gold=_inside(spans)),
        evidence=evidence_of(spans, kind="event"),
    )


def _inside(spans: list[Span]) -> tuple[Gold, ...]:
    """Yes inside the spans, both ends included: the next greater number ends the half-open interval."""
    gold: list[Gold] = []
    end: float | None = None
    for span in sorted(spans, key=lambda s: (s.from_s, s.to_s)):
        last = math.nextafter(span.to_s, math.inf)
        if gold and end is not None and span.from_s <= end:
            end = max(end, last)
            gold[-1] = gold[-1].model_copy(update={"to_s": end})
            continue
        if span.from_s > 0:
            gold.append(Gold(from_s=end, to_s=span.from_s, value=False))
        gold.append(Gold(from_s=span.from_s, to_s=last, value=True))
        end = last
    return (*gold, Gold(from_s=end, value=False))


def _rec(node: Node, read: _Read) -> list[Turn]:
    """How often something was done by now: the number of ends so far."""
    spans = _spans(node, read.notes, "start_times", "end_times")
    ends = sorted(end.seconds() for end in node.get("end_times").items())
    entries = node.get("test_info").items(least=1)
    probes = [entry.get("realtime").seconds() for entry in entries]
    for place, (entry, t) in enumerate(zip(entries, probes, strict=True)):
        said, seen = entry.get("count").integer(), sum(end <= t for end in ends)
        if said != seen:
            read.conflict(
                Place(0, place), said, entry.get("count"), f"{said} at {t:g} s, but {seen} had ended"
            )
    borders = [None, *dict.fromkeys(ends), None]
    gold = tuple(
        Gold(from_s=start, to_s=stop, value=sum(start is not None and end <= start for end in ends))
        for start, stop in pairwise(borders)
    )
    activity = node.get("activity").text()
    return [
        Turn(
            question=f"How many times has this been done so far: {activity}?",
            ask_s=min(probes),
            probe_s=_sorted(probes, node, read.notes),
            answer=AnswerSpec(form=AnswerForm.COUNT, gold=gold),
            evidence=evidence_of(spans, kind="event"),
        )
    ]


def _spans(node: Node, notes: Notes, start: str, end: str) -> list[Span]:
    starts, ends = node.get(start).items(), node.get(end).items()
    if len(starts) != len(ends):
        notes.add("spans_uneven", node.get(end), f"{len(ends)} times, `{start}` holds {len(starts)}")
    return [span_of(a.seconds(), b.seconds(), b, notes) for a, b in zip(starts, ends, strict=False)]


def _sorted(times: list[float], node: Node, notes: Notes) -> tuple[float, ...]:
    """The probe times in the file's order: their places are their indices."""
    if times != sorted(times):
        notes.add("times_unsorted", node.get("test_info"), "the times asked at are not in order")
    return tuple(times)

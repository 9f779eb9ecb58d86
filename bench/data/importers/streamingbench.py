"""StreamingBench (arXiv 2411.03628): `questions_{real,omni,sqa,proactive}.json` and their `_stream` variants.

A file is a list of entries `{time, video_path, questions[], captions?, …}`; a question is a sample, with its
entry beside it in `source.native`. Sequential files hold chains (a list of entries, or one entry in the
`_stream` variant): a chain is one sample. The `time` field is not the clock; captions give answers away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.data.importers.base import Kept, Misfit, NativeFile, Record, Reject
from bench.data.importers.build import Notes, Origin, choose, make_sample, question_of, rejected
from bench.data.importers.choices import read_choices
from bench.data.importers.clock import read_interval, read_stamp
from bench.data.importers.fields import Node
from bench.data.importers.listing import ListImporter, check_next, numbers
from bench.data.importers.profiles import Bench, profile
from bench.data.schema import (
    AnswerForm,
    AnswerSpec,
    Depends,
    Gold,
    Part,
    Poll,
    Sample,
    Trigger,
    Turn,
)

__all__ = ["StreamingBench"]

_SEQUENTIAL = "Sequential Question Answering"
_AUDIO = {"Emotion Recognition", "Scene Understanding", "Source Discrimination", "Multimodal Alignment"}
_CONTEXT = {"Anomaly Context Understanding", "Misleading Context Understanding"}
_INFERRED = {"Clips Summarize", "Event Understanding", "Causal Reasoning", "Prospective Reasoning", *_CONTEXT}
_VIEW_S = 60.0
"""Seconds before the ask that the official main table lets a model see."""
_AFTER_S = 4.0
"""Seconds after the gold time at which the official polling stops."""


class StreamingBench(ListImporter):
    """Entries of questions, chains of entries."""

    name = Bench.STREAMINGBENCH.value

    def samples(self, file: NativeFile, record: Record) -> Iterator[Sample | Reject]:
        """One sample a question, or one a chain."""
        node = Node(record.value, record.pointer)
        if isinstance(node.value, list):
            pairs = [(entry, asked) for entry in node.items(least=1) for asked in _questions(entry)]
            yield _chain(file, record, pairs)
        elif not node.get("questions").items():
            nothing = Misfit(f"{record.pointer}/questions", "holds no question")
            yield rejected(file, record, nothing, harmless=True)
        elif _is_chain(node):
            yield _chain(file, record, [(node, asked) for asked in _questions(node)])
        else:
            yield from _entry(file, node)

    def rebuild(self, kept: Sequence[Kept]) -> Any:
        """The list of entries or chains; entries get their questions back."""
        made: list[Any] = []
        for item in sorted(kept, key=lambda item: numbers(item.pointer)):
            place = numbers(item.pointer)
            if len(place) == 1:
                check_next(len(made), place[0])
                made.append(item.native)
                continue
            if place[0] != len(made) - 1:
                check_next(len(made), place[0])
                made.append({**item.native["entry"], "questions": []})
            check_next(len(made[-1]["questions"]), place[1])
            made[-1]["questions"].append(item.native["question"])
        return made


def _questions(entry: Node) -> list[Node]:
    return entry.get("questions").items()


def _is_chain(entry: Node) -> bool:
    return all(
        asked.has("task_type") and asked.get("task_type").value == _SEQUENTIAL for asked in _questions(entry)
    )


def _entry(file: NativeFile, entry: Node) -> Iterator[Sample | Reject]:
    beside = {key: value for key, value in entry.value.items() if key != "questions"}
    for asked in _questions(entry):
        native = {"entry": beside, "question": asked.value}
        try:
            yield _single(file, entry, asked, native)
        except Misfit as misfit:
            yield rejected(file, Record(asked.pointer, native), misfit)


def _single(file: NativeFile, entry: Node, asked: Node, native: dict[str, Any]) -> Sample:
    notes, task = Notes(), asked.get("task_type").text()
    proactive = asked.has("ground_truth_time_stamp")
    kind = "proactive" if proactive else _kind(file, task)
    if proactive:
        part, turn = Part.PROACTIVE, _standing(entry, asked, notes)
    else:
        part, turn = _part(task, asked), _choice(entry, asked, notes)
    return make_sample(
        Origin(Bench.STREAMINGBENCH, _subset(file, kind), file.name, asked.pointer, native),
        part=part,
        task=task,
        profile=profile("streamingbench", kind),
        uri=entry.get("video_path").text(),
        turns=[turn],
        notes=notes,
        modalities=("video", "audio") if kind == "omni" and task not in _CONTEXT else ("video",),
        params={} if proactive else {"view_s": _VIEW_S},
    )


def _chain(file: NativeFile, record: Record, pairs: list[tuple[Node, Node]]) -> Sample:
    if not pairs:
        raise Misfit(record.pointer, "is a chain without questions")
    notes, turns = Notes(), []
    for place, (entry, asked) in enumerate(pairs):
        turn = _choice(entry, asked, notes)
        depends = tuple(Depends(turn=earlier) for earlier in range(place))
        turns.append(turn.model_copy(update={"depends_on": depends}))
    videos = {entry.get("video_path").text() for entry, _ in pairs}
    if len(videos) > 1:
        raise Misfit(record.pointer, f"is a chain about {len(videos)} videos; a chain has one")
    if [turn.ask_s for turn in turns] != sorted(turn.ask_s for turn in turns):
        notes.add("times_unsorted", Node(None, record.pointer), "a later turn is asked at an earlier time")
    return make_sample(
        Origin(Bench.STREAMINGBENCH, _subset(file, "sqa"), file.name, record.pointer, record.value),
        part=Part.SEQUENTIAL,
        task=pairs[0][1].get("task_type").text(),
        profile=profile("streamingbench", "sqa"),
        uri=videos.pop(),
        turns=turns,
        notes=notes,
        params={"view_s": _VIEW_S},
    )


def _choice(entry: Node, asked: Node, notes: Notes) -> Turn:
    choices = read_choices(asked.get("options"))
    notes.take(choices.issues)
    return Turn(
        question=question_of(asked, notes),
        ask_s=_time(entry, asked, notes),
        answer=choose(choices.options, asked, "answer", notes),
        ability=_ability(asked),
    )


def _standing(entry: Node, asked: Node, notes: Notes) -> Turn:
    ask, gold = _time(entry, asked, notes), read_stamp(asked.get("ground_truth_time_stamp"))
    notes.take(gold.issues)
    output = asked.get("ground_truth_output").text()
    if gold.s <= ask:
        said = f"the gold time {gold.s:g} s is not after the ask at {ask:g} s"
        notes.add("gold_at_ask", asked.get("ground_truth_time_stamp"), said)
    poll = Poll(every_s=1.0, from_s=ask + 1, to_s=max(ask + 1, gold.s + _AFTER_S), text=output)
    return Turn(
        question=question_of(asked, notes),
        ask_s=ask,
        trigger=Trigger(gold_s=(gold.s,), tolerance_s=2.0, poll=poll, view_from=ask),
        answer=AnswerSpec(form=AnswerForm.EMIT, gold=(Gold(from_s=gold.s, text=output),)),
        ability=_ability(asked),
    )


def _time(entry: Node, asked: Node, notes: Notes) -> float:
    stamp = read_stamp(asked.get("time_stamp"))
    notes.take(stamp.issues)
    holder = asked if asked.has("time") else entry
    ends = read_interval(str(holder.get("time").value)) if holder.has("time") else None
    if ends is not None and not ends[0] <= stamp.s <= ends[1]:
        said = f"{stamp.s:g} s is not in {holder.get('time').value!r:.60}"
        notes.add("interval_mismatch", asked.get("time_stamp"), said)
    return stamp.s


def _ability(asked: Node) -> str:
    return asked.get("required_ability").text(empty=True) if asked.has("required_ability") else ""


def _part(task: str, asked: Node) -> Part:
    """What needs the past or must be inferred is `reasoning`; the source says which memory a question needs."""
    return Part.REASONING if task in _INFERRED or "episodic" in _ability(asked) else Part.REALTIME


def _kind(file: NativeFile, task: str) -> str:
    """`omni` or `real`: as the file is called, else by the task."""
    called = file.subset or file.path.stem
    named = [kind for kind in ("real", "omni") if kind in called.split("_")]
    return named[0] if len(named) == 1 else "omni" if task in _AUDIO | _CONTEXT else "real"


def _subset(file: NativeFile, kind: str) -> str:
    """`real`, `omni`, …, with what the file's name adds to it: `real_stream`, `proactive_50`."""
    stem = file.path.stem.removeprefix("questions_")
    return file.subset or (stem if stem.startswith(kind) else kind)

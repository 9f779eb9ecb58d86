"""What must hold of a sample beyond the shape of its fields: within it, nothing contradicts anything.

Errors are what would be asked or scored wrongly. A contradiction that the sample itself notes among its `issues`
is known dirt, and a warning; so is every other issue.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal, NamedTuple

from bench.data.schema import AnswerForm, AnswerSpec, Gold, Part, Sample, Trigger, Turn

__all__ = ["Finding", "check_sample"]

_LABELLED = frozenset({AnswerForm.MCQ, AnswerForm.SUFFICIENCY})
_STATES = frozenset({"WAIT", "READY"})


class Finding(NamedTuple):
    """One contradiction, or one note, at a place within the sample."""

    pointer: str
    code: str
    text: str
    remedy: str
    level: Literal["error", "warning"] = "error"


def check_sample(sample: Sample) -> Iterator[Finding]:
    """All that is wrong with a sample that its schema lets pass, and its own issues as warnings."""
    noted = {issue.code for issue in sample.issues}
    for finding in _all(sample):
        known = finding.code in noted
        yield finding._replace(level="warning", remedy="it is noted as an issue") if known else finding
    for number, issue in enumerate(sample.issues):
        text = issue.text or "noted"
        where = issue.pointer if issue.pointer.startswith("/") else f"/issues/{number}"
        yield Finding(where, issue.code, text, "look at it, or mend it by errata", "warning")


def _all(sample: Sample) -> Iterator[Finding]:
    yield from _streams(sample)
    names = {stream.id for stream in sample.streams}
    for number, turn in enumerate(sample.turns):
        for found in _turn(turn, sample, names):
            yield found._replace(pointer=f"/turns/{number}{found.pointer}")


def _streams(sample: Sample) -> Iterator[Finding]:
    ids = [stream.id for stream in sample.streams]
    for number, name in enumerate(ids):
        if name in ids[:number]:
            text = f"stream id {name!r} is also that of stream {ids.index(name)}"
            yield Finding(f"/streams/{number}/id", "stream_ids", text, "ids must be unique")


def _turn(turn: Turn, sample: Sample, names: set[str]) -> Iterator[Finding]:
    yield from _times(turn, sample.streams[0].duration_s)
    yield from _links(turn)
    for number, item in enumerate(turn.evidence):
        if item.stream not in names:
            text = f"no stream is called {item.stream!r}"
            known = ", ".join(sorted(names))
            yield Finding(f"/evidence/{number}/stream", "evidence_stream", text, f"name one of {known}")
    yield from _options(turn.answer)
    yield from _gold(turn.answer)
    if turn.trigger is not None:
        yield from _trigger(turn.trigger, turn.ask_s)
    silent = turn.answer.form is AnswerForm.SILENCE
    if not turn.answer.gold and not silent and (turn.trigger is None or sample.part is not Part.PROACTIVE):
        yield Finding("/answer/gold", "no_gold", "holds nothing to score by", "add the gold", "warning")


def _times(turn: Turn, end: float | None) -> Iterator[Finding]:
    for earlier, later in itertools.pairwise(turn.probe_s):
        if later <= earlier:
            text = f"{later:g} does not come after {earlier:g}"
            yield Finding("/probe_s", "times_unsorted", text, "sort the times, each once")
            break
    late = [t for t in (turn.ask_s, *turn.probe_s) if end is not None and t > end]
    if late:
        text = f"{late[0]:g} s is past the end of the video, {end:g} s"
        yield Finding("/ask_s", "ts_out_of_video", text, "mend the time by errata", "warning")


def _links(turn: Turn) -> Iterator[Finding]:
    for number, link in enumerate(turn.depends_on):
        where = f"/depends_on/{number}"
        if link in turn.depends_on[:number]:
            yield Finding(where, "depends_twice", "stands here twice", "remove one")
        if link.mode == "slot" and (not link.slot or link.slot not in turn.question):
            text = f"slot {link.slot!r} is not in the question"
            yield Finding(
                f"{where}/slot", "slot_missing", text, "write it into the question, or mode history"
            )


def _options(answer: AnswerSpec) -> Iterator[Finding]:
    keys = [option.key for option in answer.options]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            text = f"key {key!r} is also that of option {keys.index(key)}"
            yield Finding(f"/answer/options/{number}/key", "option_keys", text, "give each option its own")
        if not key.strip():
            yield Finding(f"/answer/options/{number}/key", "option_keys", "is empty", "give it a label")
    if answer.form is AnswerForm.MCQ and not keys:
        yield Finding("/answer/options", "no_options", "a choice without options", "add them, or form text")


def _gold(answer: AnswerSpec) -> Iterator[Finding]:
    keys = {option.key for option in answer.options}
    for number, gold in enumerate(answer.gold):
        where = f"/answer/gold/{number}"
        if gold.from_s is not None and gold.to_s is not None and gold.to_s <= gold.from_s:
            text = f"from {gold.from_s:g} to {gold.to_s:g} holds at no time"
            yield Finding(where, "interval_mismatch", text, "swap or mend the times")
        if (fault := _value_fault(answer.form, gold, keys)) is not None:
            yield fault._replace(pointer=f"{where}{fault.pointer}")
    if answer.form not in (AnswerForm.EMIT, AnswerForm.MULTI_REPLY):
        yield from _overlaps(answer.gold)


def _value_fault(form: AnswerForm, gold: Gold, keys: set[str]) -> Finding | None:
    """A gold that no answer of this form can equal."""
    value = gold.value
    if form is AnswerForm.MCQ and keys and str(value) not in keys:
        shown = ", ".join(sorted(keys))
        return Finding("/value", "gold_not_in_options", f"{str(value)[:60]!r} is none of {shown}", "mend it")
    if form is AnswerForm.YES_NO and not isinstance(value, bool):
        return Finding("/value", "gold_type", f"{str(value)[:60]!r} is not true or false", "mend it")
    if form is AnswerForm.COUNT and (isinstance(value, bool | str) or value is None or value < 0):
        return Finding("/value", "gold_type", f"{str(value)[:60]!r} is no count", "write a number, 0 or more")
    if form is AnswerForm.SUFFICIENCY and value not in _STATES:
        return Finding("/value", "gold_type", f"{str(value)[:60]!r} is not WAIT or READY", "mend it")
    if form is AnswerForm.SUFFICIENCY and value == "READY" and keys and gold.text not in keys:
        shown = ", ".join(sorted(keys))
        return Finding("/text", "gold_not_in_options", f"{gold.text[:60]!r} is none of {shown}", "mend it")
    return None


def _overlaps(golds: tuple[Gold, ...]) -> Iterator[Finding]:
    """Two golds that differ and hold at one time: neighbours by start are enough to find one."""
    timed = sorted(enumerate(golds), key=lambda item: (_start(item[1]), item[0]))
    until, held = float("-inf"), -1
    for number, gold in timed:
        if held >= 0 and _start(gold) < until and _said(gold) != _said(golds[held]):
            text = f"holds while gold {held} holds, and differs from it"
            yield Finding(f"/answer/gold/{number}", "gold_conflict", text, "mend the times of one")
        end = float("inf") if gold.to_s is None else gold.to_s
        if end > until:
            until, held = end, number


def _start(gold: Gold) -> float:
    return float("-inf") if gold.from_s is None else gold.from_s


def _said(gold: Gold) -> tuple[object, str]:
    return (gold.value, gold.text)


def _trigger(trigger: Trigger, ask_s: float) -> Iterator[Finding]:
    if any(later < earlier for earlier, later in itertools.pairwise(trigger.gold_s)):
        yield Finding("/trigger/gold_s", "times_unsorted", "is not in order of time", "sort the times")
    if trigger.poll is not None and trigger.poll.to_s < trigger.poll.from_s:
        text = f"polls from {trigger.poll.from_s:g} to {trigger.poll.to_s:g}"
        yield Finding("/trigger/poll", "interval_mismatch", text, "swap or mend the times")
    early = [t for t in trigger.gold_s if t < ask_s]
    if early:
        text = f"{early[0]:g} is before the ask at {ask_s:g}"
        yield Finding("/trigger/gold_s", "gold_before_ask", text, "mend it by errata", "warning")

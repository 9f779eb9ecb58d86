"""What must hold of a sample beyond the shape of its fields: nothing in it contradicts anything else.

Errors are what would be asked or scored wrongly. What the linter finds (bench/data/lint.py) is an error only where
that is so and the sample does not note it among its own `issues`; known dirt is a warning.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal, NamedTuple

from bench.data.lint import CODES, Linter, merged
from bench.data.schema import AnswerForm, AnswerSpec, Gold, Sample, Trigger, Turn

__all__ = ["Finding", "check_sample"]

_STATES = frozenset({"WAIT", "READY"})


class Finding(NamedTuple):
    """One contradiction, or one note, at a place within the sample."""

    pointer: str
    code: str
    text: str
    remedy: str
    level: Literal["error", "warning"] = "error"


_WRONG = frozenset({"gold_not_in_options", "gold_conflict", "option_labels_malformed", "times_unsorted"})
"""What the linter may find within a turn that would be asked or scored wrongly."""


def check_sample(sample: Sample, linter: Linter) -> Iterator[Finding]:
    """All that is wrong with a sample that its schema lets pass; one linter for all samples of a set."""
    noted = {issue.code for issue in sample.issues}
    for finding in _all(sample):
        known = finding.code in noted
        yield finding._replace(level="warning", remedy="it is noted as an issue") if known else finding
    for issue in merged(sample.issues, linter.look(sample)):
        within = issue.pointer.count("/") > 2
        wrong = issue.code in _WRONG - noted and within
        where = issue.pointer if issue.pointer.startswith("/turns/") else ""
        told = issue.text if where or not issue.pointer else f"{issue.text} ({issue.pointer})"
        yield Finding(
            where,
            issue.code,
            f"{issue.code}: {told or CODES.get(issue.code, 'noted')}",
            "mend it, or note it as an issue" if wrong else "look at it, or mend it by errata",
            "error" if wrong else "warning",
        )


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
    for number, option in enumerate(answer.options):
        if not option.key.strip():
            yield Finding(f"/answer/options/{number}/key", "option_keys", "is empty", "give it a label")
    if answer.form is AnswerForm.MCQ and not answer.options:
        yield Finding("/answer/options", "no_options", "a choice without options", "add them, or form text")


def _gold(answer: AnswerSpec) -> Iterator[Finding]:
    keys = {option.key for option in answer.options}
    for number, gold in enumerate(answer.gold):
        where = f"/answer/gold/{number}"
        if gold.from_s is not None and gold.to_s is not None and gold.to_s <= gold.from_s:
            text = f"from {gold.from_s:g} to {gold.to_s:g} holds at no time"
            yield Finding(where, "gold_order", text, "swap or mend the times")
        if (fault := _value_fault(answer.form, gold, keys)) is not None:
            yield fault._replace(pointer=f"{where}{fault.pointer}")


def _value_fault(form: AnswerForm, gold: Gold, keys: set[str]) -> Finding | None:
    """A gold that no answer of this form can equal."""
    value = gold.value
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


def _trigger(trigger: Trigger, ask_s: float) -> Iterator[Finding]:
    if any(later < earlier for earlier, later in itertools.pairwise(trigger.gold_s)):
        yield Finding("/trigger/gold_s", "times_unsorted", "is not in order of time", "sort the times")
    if trigger.poll is not None and trigger.poll.to_s < trigger.poll.from_s:
        text = f"polls from {trigger.poll.from_s:g} to {trigger.poll.to_s:g}"
        yield Finding("/trigger/poll", "poll_order", text, "swap or mend the times")
    early = [t for t in trigger.gold_s if t < ask_s]
    if early:
        text = f"{early[0]:g} is before the ask at {ask_s:g}"
        yield Finding("/trigger/gold_s", "gold_before_ask", text, "mend it by errata", "warning")

"""The linter: what is odd about a sample. It changes nothing; fixes are errata.

Issues of an importer point into the source's file, those found here into the sample. Some can only be seen
beside the other samples of the set (`duplicate`, `gold_conflict`), so one `Linter` reads a set in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise

from bench.data.schema import AnswerForm, Gold, Issue, Part, Sample, Turn
from bench.files import encoded

__all__ = ["CODES", "Linter", "merged"]

CODES: dict[str, str] = {
    "ts_unparseable": "a time stamp is no clock time; what it means is a guess",
    "ts_odd_form": "a time stamp is not written H:MM:SS, but can be read",
    "ts_unknown": "the source gives no time to ask at",
    "ts_out_of_video": "a time lies after the end of the video",
    "interval_mismatch": "the time stamp is outside the interval that the source gives beside it",
    "spans_uneven": "there are more starts than ends, or fewer",
    "times_unsorted": "times that ought to rise do not",
    "evidence_after_ask": "evidence is later than the question, in a part where it can't be",
    "option_labels_malformed": "the options' labels are out of step, missing or twice",
    "option_split": "an option was cut in two; it is put together",
    "option_not_text": "an option is a number or the like; it is read as text",
    "empty_option": "an option holds nothing",
    "single_option": "there is only one option",
    "duplicate_option": "two options are the same",
    "gold_missing": "there is no gold",
    "gold_not_in_options": "the gold is none of the options",
    "gold_odd_form": "the gold is not written as a bare label, but can be read",
    "gold_conflict": "two answers are gold at one time",
    "gold_text_differs": "the gold's text and its place among the options disagree; the place is taken",
    "gold_at_ask": "the gold time of a standing question is not after the ask",
    "question_empty": "the question has no text",
    "duplicate": "the same question is asked twice",
    "slot_without_turn": "a slot for an earlier answer, and no earlier turn",
    "id_malformed": "the source's own id is not of its usual form",
    "video_missing": "the video was not found",
    "video_unreadable": "the video can't be opened",
    "video_guessed": "the video was found under another name or at several places",
    "erratum": "an erratum was applied",
    "erratum_stale": "an erratum is meant for this, but what it mends is not there",
}
"""Every code, and what it means."""

_SLACK_S = 0.5
"""A time this little after the declared end of a video is still in it."""


class Linter:
    """Looks at the samples of one set, in order."""

    def __init__(self) -> None:
        self._asked: dict[bytes, tuple[str, bytes]] = {}

    def look(self, sample: Sample) -> tuple[Issue, ...]:
        """What is odd about a sample, its own earlier issues not among it."""
        issues = [
            issue for n, turn in enumerate(sample.turns) for issue in _turn(sample, turn, f"/turns/{n}")
        ]
        asks = [turn.ask_s for turn in sample.turns]
        chained = any(turn.depends_on for turn in sample.turns)
        if chained and asks != sorted(asks):
            issues.append(
                Issue(code="times_unsorted", pointer="/turns", text="a later turn is asked earlier")
            )
        return (*issues, *self._twice(sample))

    def _twice(self, sample: Sample) -> Iterator[Issue]:
        asked = [
            [turn.question, turn.asks, turn.ask_s, [(o.key, o.text) for o in turn.answer.options]]
            for turn in sample.turns
        ]
        events = [(event.t, event.content) for event in sample.events]
        key = _digest([sample.video, asked, events])
        gold = _digest([[(g.value, g.text) for g in turn.answer.gold] for turn in sample.turns])
        first, before = self._asked.setdefault(key, (sample.id, gold))
        if first == sample.id:
            return
        yield Issue(code="duplicate", pointer="/turns", text=f"the same as {first}")
        if gold != before:
            yield Issue(code="gold_conflict", pointer="/turns", text=f"another gold than {first}")


def merged(known: Iterable[Issue], found: Iterable[Issue]) -> tuple[Issue, ...]:
    """Both, without repeating what is known."""
    made = list(dict.fromkeys(known))
    seen = set(made)
    return (*made, *(issue for issue in dict.fromkeys(found) if issue not in seen))


def _digest(value: object) -> bytes:
    return hashlib.sha1(encoded(value)).digest()


def _turn(sample: Sample, turn: Turn, at: str) -> Iterator[Issue]:
    yield from _options(turn, f"{at}/answer/options")
    yield from _gold(turn, f"{at}/answer/gold")
    yield from _times(sample, turn, at)
    for place, evidence in enumerate(turn.evidence):
        late = evidence.span.from_s > max(turn.asks) and sample.part in (Part.REALTIME, Part.REASONING)
        if late:
            text = f"begins at {evidence.span.from_s:g} s, asked at {max(turn.asks):g} s"
            yield Issue(code="evidence_after_ask", pointer=f"{at}/evidence/{place}", text=text)


def _options(turn: Turn, at: str) -> Iterator[Issue]:
    options = turn.answer.options
    if turn.answer.form is AnswerForm.MCQ and len(options) < 2:
        yield Issue(code="single_option", pointer=at, text=f"{len(options)} of them")
    for place, option in enumerate(options):
        if not option.text.strip():
            yield Issue(code="empty_option", pointer=f"{at}/{place}", text=f"option {option.key}")
    for one, other in combinations(options, 2):
        if one.key == other.key:
            yield Issue(code="option_labels_malformed", pointer=at, text=f"two have the label {one.key}")
        elif one.text.strip() and one.text.strip() == other.text.strip():
            yield Issue(code="duplicate_option", pointer=at, text=f"{one.key} and {other.key} are the same")


def _gold(turn: Turn, at: str) -> Iterator[Issue]:
    gold, form = turn.answer.gold, turn.answer.form
    triggered = turn.trigger is not None and (turn.trigger.gold_s or turn.trigger.gold_spans)
    if not gold and not triggered:
        yield Issue(code="gold_missing", pointer=at, text="nothing is right")
    keys = {option.key for option in turn.answer.options}
    if form is AnswerForm.MCQ:
        for place, item in enumerate(gold):
            if item.value not in keys:
                text = f"{item.value!r:.40} is none of {', '.join(sorted(keys))}"
                yield Issue(code="gold_not_in_options", pointer=f"{at}/{place}", text=text)
    if form is not AnswerForm.MULTI_REPLY:
        yield from _overlaps(gold, at)


def _overlaps(gold: tuple[Gold, ...], at: str) -> Iterator[Issue]:
    """Neighbours in time whose intervals overlap and whose values differ."""
    order = sorted(gold, key=lambda item: item.from_s if item.from_s is not None else -1.0)
    for before, after in pairwise(order):
        meet = before.to_s is None or after.from_s is None or after.from_s < before.to_s
        if meet and (before.value, before.text) != (after.value, after.text):
            start = after.from_s or 0.0
            text = f"{before.value!r:.20} and {after.value!r:.20} both from {start:g} s on"
            yield Issue(code="gold_conflict", pointer=at, text=text)


def _times(sample: Sample, turn: Turn, at: str) -> Iterator[Issue]:
    end = sample.streams[0].duration_s
    if turn.probe_s and list(turn.probe_s) != sorted(turn.probe_s):
        yield Issue(code="times_unsorted", pointer=f"{at}/probe_s", text="not in order")
    if end is None:
        return
    named = [("ask_s", turn.ask_s), *((f"probe_s/{n}", t) for n, t in enumerate(turn.probe_s))]
    if turn.trigger is not None:
        named += [(f"trigger/gold_s/{n}", t) for n, t in enumerate(turn.trigger.gold_s)]
        named += [(f"trigger/gold_spans/{n}", span.from_s) for n, span in enumerate(turn.trigger.gold_spans)]
    for name, t in named:
        if t > end + _SLACK_S:
            text = f"{t:g} s, the video ends at {end:g} s"
            yield Issue(code="ts_out_of_video", pointer=f"{at}/{name}", text=text)

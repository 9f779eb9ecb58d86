"""Chains: what the later turns of a sample are told of the earlier ones, on each path.

A slot in the question, or the question's history, is filled with the earlier answer: the system's own under `self`
(each path hears its own answers), the right one under `oracle` (which is a gold door, and stamped), none under `none`.
A turn waits for the turns that it depends on, as far as they are asked no later than itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from bench.data import AskedQuestion, AskRules, Sample, Turn
from bench.data.schema import Depends
from bench.run.records import Record
from shared.messages import Option, PastTurn, Path, Question, Status

__all__ = ["UNKNOWN", "Chains", "Told", "said_by"]

UNKNOWN = "object"
"""What stands in a slot that nothing fills."""


class Told(NamedTuple):
    """A question as it is asked on one path."""

    question: Question
    stamps: dict[str, Any]
    """Fields of its records."""


class Chains:
    """The chains of one play; told of every final (`note`) before a turn that depends on it is asked."""

    def __init__(
        self,
        samples: Iterable[Sample],
        items: Iterable[AskedQuestion],
        rules: AskRules,
        *,
        gives_evidence: bool = False,
    ) -> None:
        self._turns = {(s.id, n): turn for s in samples for n, turn in enumerate(s.turns)}
        self._items: dict[tuple[str, int], list[AskedQuestion]] = {}
        for item in items:
            self._items.setdefault((item.sample, item.turn), []).append(item)
        self._history, self._gives_evidence = rules.history, gives_evidence
        self._said: dict[str, dict[Path, str]] = {}
        self._asked: dict[tuple[str, Path], str] = {}

    def before(self, item: AskedQuestion) -> list[AskedQuestion]:
        """The questions whose finals this one waits for."""
        if self._history != "self":
            return []
        return [earlier for _, earlier in self._links(item)]

    def told(self, item: AskedQuestion, path: Path) -> Told:
        """The question as it is asked on `path`."""
        links = self._links(item)
        stamps: dict[str, Any] = {"gold_door": "poll"} if item.hint else {}
        if self._gives_evidence and path is Path.S2:
            stamps["gold_door"] = "evidence"
        if not links:
            return Told(self._note_asked(item, path, item.question), stamps)
        text, history = item.question.text, list[PastTurn]()
        for link, earlier in links:
            answer, of_path = self._answer(earlier, path)
            if self._history == "self" and not of_path:
                stamps["not_replayable"] = True
            if link.mode == "slot":
                text = text.replace(link.slot, answer or UNKNOWN) if link.slot else text
            elif self._history != "none":
                asked = self._asked.get((earlier.key, path), earlier.question.text)
                history.append(PastTurn(question=asked, answer=answer))
        question = item.question.model_copy(update={"text": text, "history": tuple(history)})
        if self._history == "oracle":
            stamps["gold_door"] = "history"
        if text != item.question.text:
            stamps["question"] = text
        if history:
            stamps["history"] = tuple(history)
        return Told(self._note_asked(item, path, question), stamps)

    def note(self, record: Record) -> None:
        """A final is there: later turns may be told of it."""
        turn = self._turns.get((record.sample, record.turn))
        if turn is not None and record.kind == "final":
            said = said_by(record, turn.answer.options) if record.status is Status.OK else ""
            self._said.setdefault(record.key, {})[record.path] = said

    def _note_asked(self, item: AskedQuestion, path: Path, question: Question) -> Question:
        self._asked[item.key, path] = question.text
        return question

    def _links(self, item: AskedQuestion) -> list[tuple[Depends, AskedQuestion]]:
        """By turn; of an earlier turn asked several times, the last time up to this ask counts."""
        turn = self._turns[item.sample, item.turn]
        found = []
        for link in sorted(turn.depends_on, key=lambda link: link.turn):
            times = [
                earlier
                for earlier in self._items.get((item.sample, link.turn), ())
                if earlier.ask_s <= item.ask_s and earlier.question.standing is None and not earlier.polls
            ]
            if times:
                found.append((link, max(times, key=lambda earlier: (earlier.ask_s, earlier.probe))))
        return found

    def _answer(self, earlier: AskedQuestion, path: Path) -> tuple[str, bool]:
        """The earlier answer as text, and whether it is this path's own."""
        if self._history == "none":
            return "", True
        if self._history == "oracle":
            return _gold(self._turns[earlier.sample, earlier.turn], earlier.ask_s), True
        said = self._said.get(earlier.key, {})
        if path in said or not said:
            return said.get(path, ""), True
        return next(iter(said.values())), False


def said_by(record: Record, options: tuple[Option, ...]) -> str:
    """The chosen option's text, or what was written."""
    chosen = next((option.text for option in options if option.key == record.choice), None)
    return record.raw.strip() if chosen is None else chosen


def _gold(turn: Turn, t: float) -> str:
    gold = turn.answer.gold_at(t) or next(iter(turn.answer.gold), None)
    if gold is None:
        return ""
    if isinstance(gold.value, bool):
        return gold.text or ("yes" if gold.value else "no")
    named = next((option.text for option in turn.answer.options if option.key == gold.value), None)
    return named or gold.text or ("" if gold.value is None else f"{gold.value}")

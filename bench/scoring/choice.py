"""Judging one answer at one forced time: what all parts but `proactive` have in common."""

from __future__ import annotations

from collections.abc import Iterator

from bench.data.schema import AnswerForm
from bench.scoring.answers import WAIT, is_positive, parse_answer, right, told_text, without_ready
from bench.scoring.base import GoldAt, Item, Rules, Said, Verdict, gold_at
from bench.scoring.ladder import Parsed
from shared.messages import Status

__all__ = ["is_right", "is_text", "judge_at", "text_asks"]


def judge_at(item: Item, said: Said, rules: Rules, *, at_emission: bool) -> Verdict:
    """Read the answer and compare it with the gold of its instant; failures are wrong. Tally: right, asked.

    With `at_emission` an answer that comes late is judged by the gold of the time when it came; where no gold
    holds then, it is wrong.
    """
    if said.status != Status.OK:
        return Verdict(None, None, False, False, (0.0, 1.0))
    parsed = parse_answer(said.raw, item.form, item.options)
    first = is_right(item, said.raw, parsed, gold_at(item, item.t_ask), rules)
    last = first
    if at_emission and said.t_emit is not None:
        last = is_right(item, said.raw, parsed, gold_at(item, said.t_emit), rules)
    return Verdict(parsed.value, parsed.rung, last, first, (float(last), 1.0))


def is_right(item: Item, raw: str, parsed: Parsed, gold: GoldAt | None, rules: Rules) -> bool:
    """Whether an answer equals a gold; where there is no gold, it is wrong."""
    if gold is None:
        return False
    return right(parsed, gold, item.form, item.options, raw=raw, question=item.question, grader=rules.grader)


def is_text(item: Item) -> bool:
    """Whether answers are free text, which is compared by a `TextMatcher`."""
    return item.form is AnswerForm.TEXT or (item.form is AnswerForm.SUFFICIENCY and not item.options)


def text_asks(item: Item, said: Said) -> Iterator[tuple[str, str, str]]:
    """What judging a text answer will have to compare: question, gold and answer, by each gold in question."""
    for t in {item.t_ask, said.t_emit}:
        gold = gold_at(item, t) if t is not None else None
        if gold is None or not said.raw.strip():
            continue
        if item.form is not AnswerForm.SUFFICIENCY:
            yield item.question, told_text(gold), said.raw
        elif is_positive(gold) and parse_answer(said.raw, item.form, ()).value != WAIT:
            yield item.question, told_text(gold), without_ready(said.raw)

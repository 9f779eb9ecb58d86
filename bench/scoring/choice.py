"""Judging one answer at one forced time: what all parts but `proactive` have in common."""

from __future__ import annotations

from bench.scoring.answers import parse_answer, right
from bench.scoring.base import GoldAt, Item, Rules, Said, Verdict, gold_at
from bench.scoring.ladder import Parsed
from shared.messages import Status

__all__ = ["is_right", "judge_at"]


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

"""Judging an answer at one forced time: what `realtime` and `reasoning` have in common."""

from __future__ import annotations

from bench.scoring.answers import parse_answer, right
from bench.scoring.base import Item, Said
from bench.scoring.ladder import Rung
from shared.messages import Status

__all__ = ["judge_at"]


def judge_at(item: Item, said: Said, *, at_emission: bool) -> tuple[str | None, Rung | None, bool, bool]:
    """Read the answer and compare it with the gold of its instant; failures are wrong.

    With `at_emission` an answer that comes late is judged by the gold of the time when it came; where no gold
    holds then, it is wrong.
    """
    if said.status is not Status.OK:
        return None, None, False, False
    parsed = parse_answer(said.raw, item.answer.form, item.answer.options)
    at_ask = item.answer.gold_at(item.t_ask)
    first = at_ask is not None and right(parsed, at_ask, item.answer.form)
    if not at_emission or said.t_emit is None:
        return parsed.value, parsed.rung, first, first
    gold = item.answer.gold_at(said.t_emit)
    last = gold is not None and right(parsed, gold, item.answer.form)
    return parsed.value, parsed.rung, last, first

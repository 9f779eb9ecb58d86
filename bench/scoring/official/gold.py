"""The gold of a case, as the official rules want it: a letter, a number, yes or no, a text, spans."""

from __future__ import annotations

from typing import NamedTuple

from bench.data.schema import Gold
from bench.scoring.official.base import Case

__all__ = ["Reply", "count", "gold", "letter", "replies", "state", "text"]


class Reply(NamedTuple):
    """What ought to be said, and when; seconds of stream time."""

    text: str
    start: float
    """A reply from here …"""
    end: float
    """… to here counts, both included."""
    related_end: float
    """Where what it is about ends in the video."""


def gold(case: Case) -> Gold | None:
    """The gold of the case's time; null when there is none.

    Where the source's own gold for a probe is not what its times give, the importer notes it: it goes first.
    """
    told = case.sample.scoring.params.get("probe_gold")
    place = f"{case.turn}/{case.probe}"
    if isinstance(told, dict) and place in told:
        return Gold(value=told[place])
    return case.of.answer.gold_at(case.t_ask)


def letter(case: Case) -> str | None:
    """The right option's label."""
    held = gold(case)
    return held.value if held is not None and isinstance(held.value, str) else None


def count(case: Case) -> float | None:
    """The right number."""
    held = gold(case)
    value = None if held is None else held.value
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def state(case: Case) -> bool | None:
    """Whether it is true, or can be told, at this time."""
    held = gold(case)
    if held is None or held.value is None:
        return None
    return str(held.value).casefold() in ("ready", "true", "yes", "1", "1.0")


def text(case: Case) -> str | None:
    """The right text; of several that hold at once, the first."""
    held = gold(case)
    if held is None and len(case.of.answer.gold) == 1:
        held = case.of.answer.gold[0]
    if held is None:
        return None
    return held.text or (held.value if isinstance(held.value, str) else None)


def replies(case: Case) -> list[Reply]:
    """What ought to be said over time: one for each gold text, with the span of the trigger at its place."""
    spans = case.of.trigger.gold_spans if case.of.trigger else ()
    related = [item.span for item in case.of.evidence]
    return [
        Reply(held.text, span.from_s, span.to_s, related[place].to_s if place < len(related) else span.to_s)
        for place, (held, span) in enumerate(zip(case.of.answer.gold, spans, strict=False))
    ]

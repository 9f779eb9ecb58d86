"""S1 answers now, S2 revises later: what the two are worth together, second by second.

The quality at an instant is 1 where the newest answer up to then equals the gold of that instant, else 0, and 0
before any answer; what S1 says after S2 does not count. It is integrated over H seconds from the ask, and divided
by H. A *flip* is a revision that says something else; it is *harmful* where S1 was right and S2 is not at the
instant of the revision, *helpful* the other way round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from bench.analysis.answered import Answered
from bench.scoring.answers import parse_answer
from bench.scoring.base import ItemKey, Rules
from bench.scoring.stats import Estimate, estimate
from shared.messages import Path

__all__ = ["HORIZON_S", "Revision", "quality", "revisions"]

HORIZON_S = 10.0


class Revision(BaseModel):
    """One part."""

    model_config = ConfigDict(frozen=True)

    part: str
    n: int
    """Questions with an answer of both whose latency is known."""
    horizon_s: float
    s1: Estimate
    """Time-integrated quality of S1's answer alone."""
    s2: Estimate
    revised: Estimate
    """Of S1's answer until S2's comes."""
    gain: Estimate
    """`revised` minus `s1`, on the same questions."""
    flips: Estimate
    """Share of questions whose answer S2 changed."""
    harmful: Estimate
    helpful: Estimate


def revisions(
    found: Iterable[Answered], rules: Rules, *, horizon_s: float = HORIZON_S, seed: int = 0
) -> list[Revision]:
    """By part, in order; parts without a question that both answered are left out."""
    held: dict[ItemKey, dict[str, Answered]] = defaultdict(dict)
    for one in found:
        if one.latency_s is not None:
            held[one.item.key][one.path] = one
    pairs: dict[str, list[tuple[Answered, Answered]]] = defaultdict(list)
    for by_path in held.values():
        if {Path.S1, Path.S2} <= set(by_path):
            pairs[by_path[Path.S1].item.part].append((by_path[Path.S1], by_path[Path.S2]))
    return [_revision(part, group, rules, horizon_s, seed) for part, group in sorted(pairs.items())]


def quality(answers: Sequence[Answered], rules: Rules, horizon_s: float) -> float:
    """Time-integrated quality of one question's answers, the newest counting, over `horizon_s` from the ask."""
    start = answers[0].item.t_ask
    end = start + horizon_s
    in_time = sorted((one.t_emit or 0.0, n) for n, one in enumerate(answers) if (one.t_emit or 0.0) < end)
    edges = sorted({start, end, *(t for t, _ in in_time), *answers[0].changes(end)})
    total, said = 0.0, 0
    for low, high in pairwise(edges):
        while said < len(in_time) and in_time[said][0] <= low:
            said += 1
        if said and answers[in_time[said - 1][1]].right_at(low, rules):
            total += high - low
    return total / horizon_s


def _revision(
    part: str, pairs: Sequence[tuple[Answered, Answered]], rules: Rules, horizon_s: float, seed: int
) -> Revision:
    videos = [one.item.video for one, _ in pairs]

    def mean(values: Iterable[float]) -> Estimate:
        return estimate(list(values), videos, seed=seed)

    alone = [quality([one], rules, horizon_s) for one, _ in pairs]
    both = [quality([one, two] if _revised(one, two) else [two], rules, horizon_s) for one, two in pairs]
    moved = [_moved(one, two, rules) for one, two in pairs]
    return Revision(
        part=part,
        n=len(pairs),
        horizon_s=horizon_s,
        s1=mean(alone),
        s2=mean(quality([two], rules, horizon_s) for _, two in pairs),
        revised=mean(both),
        gain=mean(b - a for a, b in zip(alone, both, strict=True)),
        flips=mean(float(flip) for flip, _, _ in moved),
        harmful=mean(float(harm) for _, harm, _ in moved),
        helpful=mean(float(help_) for _, _, help_ in moved),
    )


def _revised(one: Answered, two: Answered) -> bool:
    """Whether S1's answer was there before S2's."""
    return (one.latency_s or 0.0) < (two.latency_s or 0.0)


def _moved(one: Answered, two: Answered, rules: Rules) -> tuple[bool, bool, bool]:
    """Whether the revision changed the answer, for the worse, for the better, by the gold of its instant."""
    first, second = (parse_answer(x.raw, x.item.form, x.item.options).value for x in (one, two))
    if not _revised(one, two) or (first == second and one.ok == two.ok):
        return False, False, False
    t = two.t_emit or 0.0
    before, after = one.right_at(t, rules), two.right_at(t, rules)
    return True, before and not after, after and not before

"""Seeded plans: every second one strikes in a gap of the protocol, the others at a random time.

Plan `n` of a seed does not depend on what was drawn before; its times are shares of the time that the run takes
without faults. Over a hundred plans each gap is hit about twice, and so is each target by each kind of fault.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from bench.chaos.gaps import GAPS
from bench.chaos.plan import BENCH, BROKER, Fault, Kind
from shared.service import SERVICES

__all__ = ["catalogue", "draw"]

_SECOND = 0.15
"""Share of plans in which a second fault strikes elsewhere."""
_PAUSES = 0.25
"""Share of gaps in which the process is stopped and goes on, not killed."""
_EARLY = ("reader.leased_not_published", "s1.leased_not_subscribed", "s1.standing_stored")
"""Gaps that are passed at the beginning only."""


def catalogue() -> list[dict[str, Any]]:
    """Every kind of fault on every target."""
    found: list[dict[str, Any]] = []
    for target in (*SERVICES, BROKER, BENCH):
        found.append({"kind": Kind.KILL, "target": target})
        found.append({"kind": Kind.PAUSE, "target": target})
    for target in (*SERVICES, BENCH):
        found.append({"kind": Kind.CUT, "target": target})
        found.append({"kind": Kind.CUT, "target": target, "abrupt": True})
    for target in SERVICES:
        found.append({"kind": Kind.CLOCK_JUMP, "target": target})
    found += [{"kind": Kind.DISK_FULL, "target": target} for target in (BROKER, BENCH)]
    found += [{"kind": Kind.BROKER_RESTART, "target": BROKER}] * 2
    found += [{"kind": Kind.SLOW_S2, "target": "s2"}] * 2
    return found


def draw(
    number: int,
    *,
    seed: int,
    length_s: float,
    possible: Callable[[Fault], bool] = lambda fault: True,
    gaps: Sequence[str] = GAPS,
) -> tuple[Fault, ...]:
    """Faults of plan `number` of a seed, for a run that takes `length_s` from its first play to its end without any."""
    rng = random.Random(f"{seed}/{number}")
    shuffled = random.Random(f"{seed}/order")
    kinds = [fault for fault in catalogue() if possible(Fault(**fault, after_s=0.0))]
    shuffled.shuffle(kinds)
    order = list(gaps)
    shuffled.shuffle(order)
    in_gap = bool(order) and number % 2 == 0
    place = number // 2 if order else number
    first = (
        _in_gap(order[place % len(order)], rng)
        if in_gap
        else _at_time(kinds[place % len(kinds)], rng, length_s)
    )
    faults = [first]
    if rng.random() < _SECOND:
        others = [kind for kind in kinds if kind["target"] != first.service]
        faults.append(_at_time(rng.choice(others), rng, length_s))
    return tuple(faults)


def _in_gap(gap: str, rng: random.Random) -> Fault:
    kind = Kind.PAUSE if rng.random() < _PAUSES else Kind.KILL
    early = gap in _EARLY or rng.random() < 0.5
    return Fault(
        kind=kind,
        at=gap,
        after_records=None if early else rng.randint(1, 6),
        for_s=round(rng.uniform(1, 4), 2),
    )


def _at_time(chosen: dict[str, Any], rng: random.Random, length_s: float) -> Fault:
    return Fault(
        **chosen,
        after_s=round(rng.uniform(0.0, 0.7 * length_s), 3),
        for_s=round(rng.uniform(1, 4), 2),
        by_s=rng.choice((-86400.0, -3600.0, -5.0, 5.0, 3600.0, 86400.0)),
    )

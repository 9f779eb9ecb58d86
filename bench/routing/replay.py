"""Replaying a policy on the paired table: the decisions that a live router would make, question by question.

The same door (`shared.routing.Guard`) is used as in a run, with the same view of the question and the same state, so
the decisions are the same. Nothing is run again but the policy.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.routing.metrics import Chosen, chosen_at
from bench.routing.paired import CostUnit, Paired, Row
from shared.messages import Path
from shared.routing import Guard, Routed, Staged, policy, route_name

__all__ = ["Replay", "decide", "oracle", "replay"]

_PRICED = (CostUnit.SECONDS, CostUnit.LATENCY)


class Replay(NamedTuple):
    """What a policy did on a table."""

    policy: str
    chosen: Chosen
    decisions: Sequence[Routed]
    """One a row; empty for the oracle, which is no policy."""
    router_s: float
    """Mean wall-clock seconds of a decision."""
    fallbacks: int
    """Questions that the rules decided, since the policy failed."""
    mixed: int
    """Questions that were told answers of the path that this policy did not take: `dsb route rerun` asks them anew."""


def replay(table: Paired, route: str) -> Replay:
    """Decide every question of the table by a route, or by `oracle`; raises `ConfigError`."""
    if route_name(route).name == "oracle":
        return oracle(table, route_name(route).number or 0.0)
    policy(route)  # a route that can't be made is refused before anything is decided
    guard = Guard(route)
    started = time.perf_counter()
    decisions = [decide(guard, row) for row in table.rows]
    router_s = (time.perf_counter() - started) / len(table.rows)
    s2 = np.array([Path.S2 in made.paths for made in decisions])
    both = np.array([len(made.paths) > 1 for made in decisions])
    scores = [made.stamp.score for made in decisions]
    weighed = None if None in scores else np.array(scores, np.float64)
    staged = isinstance(policy(route), Staged)
    chosen = Chosen(s2, weighed, both, staged, _router_cost(table.unit, decisions, router_s))
    fallbacks = sum(made.stamp.fallback for made in decisions)
    return Replay(route, chosen, decisions, router_s, fallbacks, mixed(table.rows, s2.tolist()))


def decide(guard: Guard, row: Row) -> Routed:
    """The whole decision on one question: a policy that wants to see S1's answer is shown the recorded one."""
    made = guard.decide(row.question, row.state)
    if made.then and row.once:
        return guard.after(row.question, row.state, row.first)
    return made


def oracle(table: Paired, price: float = 0.0) -> Replay:
    """Who knows the outcome: S2 where it is worth its price (`oracle@λ`), ties to S1."""
    outcome = table.outcome
    gain = outcome.y2 - outcome.y1
    chosen = Chosen(chosen_at(outcome, price), (gain + 1) / 2)
    return Replay(f"oracle@{price:g}" if price else "oracle", chosen, (), 0.0, 0, 0)


def mixed(rows: Sequence[Row], s2: Sequence[bool]) -> int:
    """Questions that lean on an earlier turn which this policy put to the other path."""
    return sum(any(s2[at] != s2[place] for at in row.leans_on) for place, row in enumerate(rows))


def _router_cost(unit: CostUnit, decisions: Sequence[Routed], router_s: float) -> float:
    """A decision's own mean cost, in the table's unit; tokens and calls of a router are not counted."""
    if unit in _PRICED:
        return router_s
    if unit is CostUnit.USD:
        return sum(made.stamp.cost_usd or 0.0 for made in decisions) / len(decisions)
    return 0.0

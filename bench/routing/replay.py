"""Replaying a policy on the paired table: the decisions that a live router would make, question by question.

A policy meets the same view of the question and the same state as in a run, so the decisions are the same. Nothing is
run again but the policy. Those of other packages pass the same door as in a run (`shared.routing.Guard`); built-in ones
need no watching, and are asked without it until one fails.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.routing.metrics import Chosen, chosen_at
from bench.routing.paired import CostUnit, Paired, Row
from bench.scoring.measures import Array
from shared.errors import DsbError
from shared.messages import Path
from shared.routing import Decision, Guard, Loads, Policy, Staged, is_trusted, policy, route_name
from shared.routing.files import forget_texts

__all__ = ["Replay", "oracle", "replay"]

_TIMED = (CostUnit.SECONDS, CostUnit.LATENCY)


class Replay(NamedTuple):
    """What a policy did on a table."""

    policy: str
    chosen: Chosen
    decisions: Sequence[Decision]
    """One a row; empty for the oracle, which is no policy."""
    router_s: float
    """Mean wall-clock seconds of a decision."""
    fallbacks: int
    """Questions that the rules decided, since the policy failed."""
    mixed: int
    """Questions that were told answers of the path that this policy did not take: `dsb route rerun` asks them anew."""


class _Done(NamedTuple):
    decisions: list[Decision]
    router_s: float
    fallbacks: int


def replay(table: Paired, route: str) -> Replay:
    """Decide every question of the table by a route, or by `oracle`; raises `ConfigError`."""
    if route_name(route).name == "oracle":
        return oracle(table, route_name(route).number or 0.0)
    made = policy(route)  # a route that can't be made is refused before anything is decided
    done = _trusted(made, table.rows) if is_trusted(route) else None
    if done is None:
        done = _watched(Guard(route), table.rows)
    decisions = done.decisions
    s2 = np.array([Path.S2 in one.paths for one in decisions])
    both = np.array([len(one.paths) > 1 for one in decisions])
    cost = _router_cost(table.unit, decisions, done.router_s)
    chosen = Chosen(s2, _scores(decisions), both, isinstance(made, Staged), cost)
    return Replay(route, chosen, decisions, done.router_s, done.fallbacks, mixed(table.rows, s2.tolist()))


def oracle(table: Paired, price: float = 0.0) -> Replay:
    """Who knows the outcome: S2 where it is worth its price (`oracle@λ`), ties to S1."""
    outcome = table.outcome
    gain = outcome.y2 - outcome.y1
    chosen = Chosen(chosen_at(outcome, price), (gain + 1) / 2)
    return Replay(f"oracle@{price:g}" if price else "oracle", chosen, (), 0.0, 0, 0)


def mixed(rows: Sequence[Row], s2: Sequence[bool]) -> int:
    """Questions that lean on an earlier turn which this policy put to the other path."""
    chains = ((place, row.leans_on) for place, row in enumerate(rows) if row.leans_on)
    return sum(any(s2[at] != s2[place] for at in before) for place, before in chains)


def _trusted(made: Policy, rows: Sequence[Row]) -> _Done | None:
    """What a built-in policy decides; null when it fails anywhere, so that it is asked again under guard."""
    try:
        if isinstance(made, Loads):
            made.load()
        forget_texts()
        started = time.perf_counter()
        decisions = [made.decide(row.question, row.state) for row in rows]
        if isinstance(made, Staged):
            decisions = [
                made.after(row.question, row.state, row.first) if one.then and row.once else one
                for one, row in zip(decisions, rows, strict=True)
            ]
    except DsbError:
        return None
    return _Done(decisions, (time.perf_counter() - started) / len(rows), 0)


def _watched(guard: Guard, rows: Sequence[Row]) -> _Done:
    decisions, took, fallbacks = [], 0.0, 0
    for row in rows:
        made = guard.decide(row.question, row.state)
        took += made.stamp.router_s
        if made.then and row.once:
            made = guard.after(row.question, row.state, row.first)
            took += made.stamp.router_s
        stamp = made.stamp
        decisions.append(Decision(made.paths, stamp.score, stamp.reason, stamp.cost_usd))
        fallbacks += stamp.fallback
    return _Done(decisions, took / len(rows), fallbacks)


def _scores(decisions: Sequence[Decision]) -> Array | None:
    """Null for a policy that never weighs; what it doesn't weigh counts as nothing that speaks for S2."""
    if all(one.score is None for one in decisions):
        return None
    return np.array([one.score or 0.0 for one in decisions], np.float64)


def _router_cost(unit: CostUnit, decisions: Sequence[Decision], router_s: float) -> float:
    """A decision's own mean cost, in the table's unit; tokens and calls of a router are not counted."""
    if unit in _TIMED:
        return router_s
    if unit is CostUnit.USD:
        return sum(one.cost or 0.0 for one in decisions) / len(decisions)
    return 0.0

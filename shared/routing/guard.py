"""The one door to a policy: it sees what it may see, and whatever it does, there is a decision.

A policy that raises, takes too long or answers nonsense is replaced by the shipped rules, for that question; the
decision says so (`fallback`). A policy that hangs can't be stopped, so it is asked in a thread of its own; while
`_HANGING` of them have not come back, it is not asked at all.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, cast

from shared.errors import ConfigError, DsbError
from shared.messages import Path, Question, RouteStamp
from shared.routing.fixed import Pinned
from shared.routing.policy import Decision, First, Loads, Policy, Staged, StreamState
from shared.routing.registry import is_plain, policy
from shared.routing.rules import RulePolicy, shipped_rules
from shared.routing.view import visible

__all__ = ["DECIDE_S", "Guard", "Routed", "fallback"]

DECIDE_S = 10.0
"""Wall-clock seconds that a decision may take."""
_HANGING = 8
_REASON = 300


class Routed(NamedTuple):
    """A decision that can be acted on."""

    paths: tuple[Path, ...]
    stamp: RouteStamp
    then: bool = False
    """Ask again with S1's answer."""


class _Refused(Exception):
    """Why a policy's decision does not count."""


class Guard:
    """Decides by one route; thread-safe. Blocks for `timeout_s` at most."""

    def __init__(self, route: str, *, timeout_s: float = DECIDE_S) -> None:
        self.route, self._timeout_s = route, timeout_s
        self._alone = not is_plain(route)
        self._hanging: set[_Call] = set()
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._loaded: tuple[Policy, str] | None = None
        """The policy that was loaded, and why it couldn't be."""

    def decide(self, question: Question, state: StreamState) -> Routed:
        """Where a question goes."""
        seen = visible(question)
        return self._routed(seen, state, lambda made: made.decide(seen, state))

    def after(self, question: Question, state: StreamState, first: First) -> Routed:
        """Where a question goes whose policy wanted to see S1's answer; S1 is among the paths."""
        seen = visible(question)

        def call(made: Policy) -> Decision:
            if not isinstance(made, Staged):
                raise _Refused("asks for S1's answer and has no method after")
            decision = made.after(seen, state, first)
            if isinstance(decision, Decision) and Path.S1 not in decision.paths:
                raise _Refused(
                    f"after S1's answer it named {', '.join(decision.paths) or 'nothing'}, without S1"
                )
            return decision

        routed = self._routed(seen, state, call)
        # The fallback knows nothing of S1's answer, which is there.
        paths = (Path.S1, *(path for path in routed.paths if path is not Path.S1))
        return Routed(paths, routed.stamp.model_copy(update={"paths": paths}))

    def _routed(self, seen: Question, state: StreamState, call: Callable[[Policy], Decision]) -> Routed:
        started = time.perf_counter()
        try:
            made = policy(self.route)
            self._load(made)
            started = time.perf_counter()
            decision = _checked(made, self._called(lambda: call(made)))
        except (_Refused, ConfigError) as refused:
            return fallback(self.route, seen, state, str(refused), time.perf_counter() - started)
        took = time.perf_counter() - started
        stamp = RouteStamp(
            route=self.route,
            score=decision.score,
            reason=decision.reason[:_REASON],
            router_s=round(took, 6),
            cost_usd=decision.cost,
            paths=decision.paths,
        )
        return Routed(decision.paths, stamp, decision.then)

    def _load(self, made: Policy) -> None:
        """Once a policy; what can't be loaded is not tried again for every question."""
        if not isinstance(made, Loads):
            return
        with self._loading:
            if self._loaded is None or self._loaded[0] is not made:
                self._loaded = made, _loading_fails(made)
            if self._loaded[1]:
                raise _Refused(self._loaded[1])

    def _called(self, call: Callable[[], Decision]) -> Decision:
        if not self._alone:
            return call()
        with self._lock:
            if len(self._hanging) >= _HANGING:
                raise _Refused(f"{len(self._hanging)} decisions have not come back: not asked")
        one = _Call(call, self._back)
        one.start()
        one.join(self._timeout_s)
        with self._lock:
            if not one.done:
                self._hanging.add(one)
                raise _Refused(f"no decision within {self._timeout_s:g} s")
        return one.result()

    def _back(self, one: _Call) -> None:
        with self._lock:
            one.done = True
            self._hanging.discard(one)


class _Call(threading.Thread):
    """One call of a policy, in a thread that nobody has to wait for."""

    def __init__(self, call: Callable[[], Decision], back: Callable[[_Call], None]) -> None:
        super().__init__(name="policy", daemon=True)
        self.done = False
        self._call, self._back = call, back
        self._said: Decision | None = None
        self._failed: BaseException | None = None

    def run(self) -> None:
        try:
            self._said = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again by `result`, where it is waited for
            self._failed = error
        finally:
            self._back(self)

    def result(self) -> Decision:
        """What it decided; raises `_Refused` when it failed."""
        if isinstance(self._failed, _Refused):
            raise self._failed
        if self._failed is not None:
            raise _Refused(_told(self._failed)) from self._failed
        return cast(Decision, self._said)


def fallback(route: str, question: Question, state: StreamState, why: str, took_s: float = 0.0) -> Routed:
    """What the shipped rules say in the place of `route`, and why they had to."""
    decision = RulePolicy(_rules()).decide(visible(question), state)
    stamp = RouteStamp(
        route=route,
        score=None,
        reason=f"fallback to rule ({decision.reason}): {why}"[:_REASON],
        router_s=round(took_s, 6),
        paths=decision.paths,
        fallback=True,
    )
    return Routed(decision.paths, stamp)


_rules = cache(shipped_rules)


def _checked(made: Policy, decision: Decision) -> Decision:
    """The decision, if it is one; else `_Refused`."""
    if not isinstance(decision, Decision):
        raise _Refused(f"answered {str(decision)[:60]!r}, which is no Decision")
    paths, score = decision.paths, decision.score
    if not isinstance(paths, tuple) or not all(isinstance(path, Path) for path in paths):
        raise _Refused(f"named the paths {str(paths)[:60]!r}: a tuple of Path.S1 and Path.S2 was wanted")
    if len(set(paths)) != len(paths) or (not paths and not isinstance(made, Pinned)):
        raise _Refused(f"named {len(paths)} paths, {len(set(paths))} different ones: 1 or 2 were wanted")
    if decision.then and paths != (Path.S1,):
        raise _Refused(f"wants S1's answer first and named {', '.join(paths)}: S1 alone was wanted")
    if score is not None and not (
        isinstance(score, int | float) and math.isfinite(score) and 0 <= score <= 1
    ):
        raise _Refused(f"gave the score {str(score)[:30]}, which is not from 0 to 1")
    if not isinstance(decision.reason, str):
        raise _Refused(f"gave the reason {str(decision.reason)[:30]!r}, which is no text")
    return decision


def _loading_fails(made: Loads) -> str:
    try:
        made.load()
    except Exception as error:  # noqa: BLE001 - whatever it raises, the rules decide and the record says why
        return _told(error)
    return ""


def _told(error: BaseException) -> str:
    words = " ".join(str(error).split())[:200]
    return words if isinstance(error, DsbError) else f"raised {type(error).__name__}: {words}"

"""Deciding where a question goes, without holding up the event loop.

Plain policies (rules, fixed ways, random) take microseconds and are asked here; the others encode, classify or ask a
model, in threads. Whatever a policy does, there is a decision (`shared.routing.Guard`).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial

from shared.logs import get_logger
from shared.messages import Ask, Status
from shared.routing import First, Guard, Routed, is_plain, label, state_of
from shared.telemetry import counter

__all__ = ["Deciding"]

_THREADS, _GUARDS = 4, 64
_FALLBACKS = counter("fallbacks_total", "Questions that the rules decided, since the policy failed", "route")


class Deciding:
    """Decisions of every route that is asked for."""

    def __init__(self, timeout_s: float) -> None:
        # Bounded: a route is what somebody wrote into an ask.
        self._guard = lru_cache(maxsize=_GUARDS)(partial(Guard, timeout_s=timeout_s))
        self._threads = ThreadPoolExecutor(_THREADS, "decide")
        self._log = get_logger()

    async def decide(self, ask: Ask) -> Routed:
        """Where the question goes; with S1's answer in the ask, where it goes on to."""
        guard, question = self._guard(ask.route), ask.question
        state = state_of(ask.open.profile, question.t_ask, asked=ask.asked, since_s=ask.since_s)
        call = partial(guard.decide, question, state)
        if ask.first is not None:
            first = First(Status(ask.first.status), ask.first.confidence)
            call = partial(guard.after, question, state, first)
        plain = is_plain(ask.route)
        routed = call() if plain else await asyncio.get_running_loop().run_in_executor(self._threads, call)
        if routed.stamp.fallback:
            _FALLBACKS.labels(label(ask.route)).inc()
            self._log.warning(
                "policy_failed", question=question.key, route=ask.route, why=routed.stamp.reason
            )
        return routed

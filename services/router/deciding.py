"""Deciding where a question goes, without holding up the event loop.

Plain policies (rules, fixed ways, random) take microseconds and are asked here; the others encode, classify or ask a
model, in threads. Whatever a policy does, there is a decision (`shared.routing.Guard`).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from shared.logs import get_logger
from shared.messages import Ask, Status
from shared.routing import First, Guard, Routed, is_plain, state_of
from shared.telemetry import counter

__all__ = ["Deciding"]

_THREADS = 4
_FALLBACKS = counter("fallbacks_total", "Questions that the rules decided, since the policy failed", "route")


class Deciding:
    """Decisions of every route that is asked for."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._guards: dict[str, Guard] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "decide")
        self._log = get_logger()

    async def decide(self, ask: Ask) -> Routed:
        """Where the question goes; with S1's answer in the ask, where it goes on to."""
        if ask.route not in self._guards:
            self._guards[ask.route] = Guard(ask.route, timeout_s=self._timeout_s)
        guard, question = self._guards[ask.route], ask.question
        state = state_of(ask.open.profile, question.t_ask, asked=ask.asked, since_s=ask.since_s)
        call = partial(guard.decide, question, state)
        if ask.first is not None:
            first = First(Status(ask.first.status), ask.first.confidence)
            call = partial(guard.after, question, state, first)
        plain = is_plain(ask.route)
        routed = call() if plain else await asyncio.get_running_loop().run_in_executor(self._threads, call)
        if routed.stamp.fallback:
            _FALLBACKS.labels(ask.route).inc()
            self._log.warning(
                "policy_failed", question=question.key, route=ask.route, why=routed.stamp.reason
            )
        return routed

"""The router: decides the path of each question, and sees to it that every opening has an owner.

It keeps no state that another router would need: a repeated ask is decided the same way, sent on again, and every hop
behind it is idempotent by key.
"""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar, Literal

from services.router.deciding import Deciding
from services.router.dispatch import Dispatcher, no_room
from services.router.placement import Placement
from services.router.settings import RouterSettings
from services.router.watching import watching
from shared import subjects, tracing
from shared.bus import Meta, failpoints
from shared.messages import Ask, AskReply, Path, RouteStamp
from shared.routing import Routed, label
from shared.service import Runtime
from shared.tasks import end_tasks
from shared.telemetry import counter, exemplar, histogram

__all__ = ["Service", "Settings"]

Settings = RouterSettings

Outcome = Literal["accepted", "refused", "waiting", "decided"]

_ASKS = counter("asks_total", "Asks by outcome", "status")
_ROUTED = counter("routed_total", "Questions sent, by policy and path", "route", "path")
_SECONDS = histogram("router_seconds", "From an ask received to its reply")


class Service:
    """Serves `dsb.v1.ask.*` and places openings."""

    NAME: ClassVar[str] = "router"

    def __init__(self, settings: RouterSettings) -> None:
        self._settings = settings

    async def run(self, rt: Runtime) -> None:
        """Route until stopped."""
        self._worker = rt.worker
        placement = Placement(
            rt.bus, sweep_s=self._settings.sweep_s, unread_close_s=self._settings.unread_close_s
        )
        self._dispatcher = Dispatcher(rt.bus, placement, job_max_age_s=self._settings.job_max_age_s)
        self._deciding = Deciding(self._settings.decide_s)
        async with placement.running() as placing, watching(rt.bus, every_s=self._settings.watch_s):
            asks = await rt.bus.serve(
                subjects.ASK_ALL, Ask, self._ask, queue="router", concurrency=self._settings.concurrency
            )
            await rt.bus.announce(
                "router", version="1.0.0", metadata={"worker": rt.worker}, stats=placement.stats
            )
            rt.set_ready(True)
            stop = asyncio.create_task(rt.stopping.wait())
            await asyncio.wait([*placing, stop], return_when=asyncio.FIRST_COMPLETED)
            await end_tasks([stop])
            await asks.close()
            for task in placing:
                if task.done():
                    # Openings would be without an owner and nobody would know: a fresh process is better.
                    task.result()

    async def _ask(self, ask: Ask, meta: Meta) -> AskReply:
        started = time.perf_counter()
        question = ask.question
        await failpoints.ahit("router.received", question.text)
        if ask.decide:
            routed = await self._decided(ask, meta)
            return self._reply("decided", routed.stamp, routed.paths, then=routed.then)
        stamp = ask.decided or (await self._decided(ask, meta)).stamp
        paths = stamp.paths if ask.only is None else (ask.only,)
        status = await self._dispatcher.send(ask, paths, stamp)
        _ASKS.labels(status).inc()
        if status == "accepted":
            for path in paths:
                _ROUTED.labels(label(ask.route), path).inc()
        _SECONDS.observe(time.perf_counter() - started, exemplar(meta.trace))
        return self._reply(status, stamp, paths)

    async def _decided(self, ask: Ask, meta: Meta) -> Routed:
        with tracing.span("decide", meta.trace, dsb_route=ask.route):
            return await self._deciding.decide(ask)

    def _reply(
        self, status: Outcome, stamp: RouteStamp, paths: tuple[Path, ...], *, then: bool = False
    ) -> AskReply:
        return AskReply(
            status=status,
            stamp=stamp,
            then=then,
            paths=paths,
            route=stamp.route,
            score=stamp.score,
            reason=no_room(*paths) if status == "refused" else stamp.reason,
            router_s=stamp.router_s,
            router=self._worker,
        )

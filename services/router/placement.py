"""Every opening has an owner from `opened` to `closed`: placed at once, and anew as soon as its lease expires.

The openings that need one are read from the event log, so a router that starts knows what its predecessor knew. Two
routers may place the same opening: the lease decides.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal, get_args
from weakref import WeakValueDictionary

from services.router.readers import keep_read
from services.router.unread import Unread
from shared import subjects
from shared.bus import Bus
from shared.errors import DataError, NoResponders, TransportError
from shared.logs import get_logger
from shared.messages import Event, EventKind, Open, Place, PlaceReply
from shared.retry import persist
from shared.tasks import end_tasks
from shared.telemetry import counter, gauge

__all__ = ["Placed", "Placement"]

Placed = Literal["placed", "held", "full", "unknown"]
"""`held`: another worker has the lease. `full`: no worker has a free slot. `unknown`: no reply."""

_PLACEMENTS = counter("placements_total", "Placement requests by outcome", "outcome")
for _outcome in get_args(Placed):
    # From 0 on: a rate does not see the first step of a series that begins with it, and one refusal is to be seen.
    _PLACEMENTS.labels(_outcome)
_REMEMBERED = 4096
"""Openings closed last: enough for the moment in which the log was asked just before it had the word."""
_OPENINGS = gauge("openings", "Openings that need an owner")


class Placement:
    """Finds owners for openings."""

    def __init__(self, bus: Bus, *, sweep_s: float, unread_close_s: float) -> None:
        self._bus, self._sweep_s = bus, sweep_s
        self._unread = Unread(bus, close_s=unread_close_s)
        self._open: dict[str, Open] = {}
        self._closed: deque[str] = deque(maxlen=_REMEMBERED)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._log = get_logger()

    def stats(self) -> dict[str, Any]:
        """For discovery."""
        return {"openings": len(self._open)}

    async def place(self, opened: Open) -> Placed:
        """Ask the free workers to adopt an opening; one request an opening at a time."""
        async with self._locks.setdefault(opened.opening, asyncio.Lock()):
            outcome = await self._request(opened)
        _PLACEMENTS.labels(outcome).inc()
        return outcome

    async def _request(self, opened: Open) -> Placed:
        try:
            reply = await self._bus.request(subjects.S1_PLACE, Place(open=opened), PlaceReply)
        except NoResponders:
            return "full"
        except (TransportError, DataError) as error:
            self._log.warning("place_failed", stream=opened.opening, error=str(error))
            return "unknown"
        self._log.info("placed", stream=opened.opening, accepted=reply.accepted, owner=reply.owner)
        return "placed" if reply.accepted else "held"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[list[asyncio.Task[None]]]:
        """Watch openings and leases for as long as the context lasts; none of the tasks that it yields ends before."""
        works = (self._follow_opened, self._follow_closed, self._follow_leases, self._sweep)
        # A broker that is not there yet, or is away just now, is asked again: all that is stored is read anew then.
        tasks = [asyncio.create_task(persist(work, what=work.__name__)) for work in works]
        try:
            yield tasks
        finally:
            await end_tasks(tasks)

    async def _events(self, kind: EventKind) -> AsyncGenerator[Event, None]:
        async with aclosing(
            self._bus.follow(subjects.EVENTS, subjects.event("*", kind), last_per_subject=True)
        ) as stored:
            async for message in stored:
                try:
                    event = Event.from_bytes(message.body)
                except DataError as error:
                    # One that a service of another version wrote costs its own opening, not all others.
                    self._log.error("bad_message", subject=message.subject, seq=message.seq, error=str(error))
                else:
                    yield event

    async def _follow_opened(self) -> None:
        async with aclosing(self._events(EventKind.OPENED)) as events:
            async for event in events:
                if event.open is None or await self._is_closed(event.opening):
                    continue
                self._open[event.opening] = event.open
                _OPENINGS.set(len(self._open))
                await self._ensure(event.opening)

    async def _is_closed(self, opening: str) -> bool:
        # Asked of the log, not of `_closed` alone: a router that has just started reads both kinds side by side.
        stored = await self._bus.last(subjects.EVENTS, subjects.event(opening, EventKind.CLOSED))
        return stored is not None or opening in self._closed

    async def _follow_closed(self) -> None:
        async with aclosing(self._events(EventKind.CLOSED)) as events:
            async for event in events:
                self._closed.append(event.opening)
                self._open.pop(event.opening, None)
                _OPENINGS.set(len(self._open))

    async def _follow_leases(self) -> None:
        async with aclosing(self._bus.watch_leases(subjects.OWNER_BUCKET)) as changes:
            async for change in changes:
                if change.info is None:
                    await self._ensure(change.key)

    async def _sweep(self) -> None:
        """The net below the watches: an event lost in an outage is made good within `sweep_s`."""
        while True:
            await asyncio.sleep(self._sweep_s)
            kept = [opened for opened in self._open.values() if opened.kept]
            await asyncio.gather(*(keep_read(self._bus, opened) for opened in kept))
            for opening in list(self._open):
                await self._ensure(opening)
            await self._unread.look(list(self._open.values()))

    async def _ensure(self, opening: str) -> None:
        opened = self._open.get(opening)
        if opened is None:
            return
        with contextlib.suppress(TransportError):
            try:
                held = await self._bus.lease_holder(subjects.OWNER_BUCKET, opening) is not None
            except DataError as error:
                self._log.error("bad_lease", stream=opening, error=str(error))
                return
            if not held and opening in self._open:
                await self.place(opened)

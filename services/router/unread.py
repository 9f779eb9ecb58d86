"""Openings that have lost their bench and their reader, and hold a slot of an owner still.

A reader closes what its bench does not ask for any more. What a reader that ended leaves open, the router closes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

from shared import subjects
from shared.bus import Bus
from shared.errors import DataError, TransportError
from shared.logs import get_logger
from shared.messages import Event, EventKind, Open

__all__ = ["Unread"]

_LONGEST_S = 60.0


class Unread:
    """Closes an opening that no reader has held for `close_s` seconds on end, unless it is kept."""

    def __init__(self, bus: Bus, *, close_s: float) -> None:
        self._bus, self._close_s = bus, close_s
        self._since: dict[str, float] = {}
        self._next = 0.0

    async def look(self, openings: Iterable[Open]) -> None:
        """Look at all openings that there are, but not more often than is worth it."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + min(self._close_s / 10, _LONGEST_S)
        before, self._since = self._since, {}
        for opened in openings:
            if not opened.kept and not await self._held(opened.opening):
                self._since[opened.opening] = since = before.get(opened.opening, now)
                if now - since >= self._close_s:
                    await self._close(opened)

    async def _held(self, opening: str) -> bool:
        try:
            return await self._bus.lease_holder(subjects.READER_BUCKET, opening) is not None
        except (TransportError, DataError):
            return True  # not known: it is looked at again

    async def _close(self, opened: Open) -> None:
        get_logger().warning("closed_unread", stream=opened.opening, run=opened.run, unread_s=self._close_s)
        with contextlib.suppress(TransportError):
            await self._bus.publish_event(
                Event(opening=opened.opening, kind=EventKind.CLOSED, by=self._bus.name)
            )

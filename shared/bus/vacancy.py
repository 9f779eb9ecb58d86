"""Requests for work that are heard exactly while there is room for it: a worker that is full is not asked at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from shared.bus.core import Subscription
from shared.errors import TransportError

__all__ = ["Vacancy"]

_AGAIN_S = 5.0


class Vacancy:
    """Subscribes by `serve` while `free()` is true, and not a moment longer than it takes to notice."""

    def __init__(self, serve: Callable[[], Awaitable[Subscription]], *, free: Callable[[], bool]) -> None:
        self._serve, self._free = serve, free
        self._heard: Subscription | None = None
        self._lock = asyncio.Lock()
        self._news = asyncio.Event()

    def changed(self) -> None:
        """Room was taken or given back: `keep` looks at once. May be called from within the handler."""
        self._news.set()

    async def look(self) -> None:
        """Subscribe, or finish what was received and hear no more; raises `TransportError`. Not from the handler."""
        async with self._lock:
            free = self._free()
            if free and self._heard is None:
                self._heard = await self._serve()
            elif not free and self._heard is not None:
                heard, self._heard = self._heard, None
                await heard.close()

    async def keep(self) -> None:
        """Look for ever: at once after `changed`, and now and then, since a look during an outage comes to nothing."""
        while True:
            with contextlib.suppress(TransportError):
                await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S):
                    await self._news.wait()
            self._news.clear()

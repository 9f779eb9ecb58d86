"""How far one owned opening has been seen: whoever waits for a stream time waits here."""

from __future__ import annotations

import asyncio

from shared.perception.standing import EDGE_S

__all__ = ["StreamTime"]


class StreamTime:
    """The owner's watermark, and where the stream ends once that is known."""

    watermark: float
    """Seconds of stream time that are consumed; -1 at first. Live: the newest frame's time."""
    end_t: float | None
    """Where the stream ended; null while it goes on."""

    def __init__(self) -> None:
        self.watermark, self.end_t = -1.0, None
        self._moved = asyncio.Condition()

    async def reach(self, t: float) -> None:
        """All up to `t` is consumed now."""
        async with self._moved:
            self.watermark = max(self.watermark, t)
            self._moved.notify_all()

    async def end(self, t: float) -> None:
        """There is nothing behind `t`."""
        async with self._moved:
            self.end_t = t
            self._moved.notify_all()

    async def until(self, t: float) -> None:
        """Return when `t` is reached."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.watermark >= t)

    async def within(self, t: float) -> bool:
        """Whether `t` lies within the stream: waits until it is reached, or until the stream ends before."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.watermark + EDGE_S >= t or self._beyond(t))
            return not self._beyond(t)

    def _beyond(self, t: float) -> bool:
        return self.end_t is not None and t > self.end_t + EDGE_S

"""How far one owned opening has been seen: whoever waits for a stream time waits here.

In capacity mode stream time is what has been granted and consumed. Live, it is at least the newest frame's time and
what went by on this process's clock since that frame came: it goes on between two frames, and behind the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from shared.perception.standing import EDGE_S

__all__ = ["StreamTime"]

_UNEVEN = 0.25
"""Of the interval: so much earlier than one interval behind the last one may a sampled frame lie."""


class StreamTime:
    """The owner's watermark, and where the stream ends once that is known.

    `frame_s` is given for a live stream: seconds between two sampled frames.
    """

    watermark: float
    """Seconds of stream time that are consumed; -1 at first. Live: the newest frame's time."""
    end_t: float | None
    """Where the stream ended; null while it goes on."""

    def __init__(self, frame_s: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.watermark, self.end_t = -1.0, None
        self._frame_s, self._clock = frame_s, clock
        self._reached_at = 0.0
        self._moved = asyncio.Condition()

    @property
    def now(self) -> float:
        """The newest stream time that is reached."""
        if self._frame_s is None or self.watermark < 0:
            return self.watermark
        now = self.watermark + self._clock() - self._reached_at
        if self.end_t is not None:
            return max(self.watermark, min(now, self.end_t))
        due = self._next_frame(self._frame_s)
        return now if now < due else max(due - EDGE_S, now - self._frame_s)

    async def reach(self, t: float) -> None:
        """All up to `t` is consumed now."""
        async with self._moved:
            if t > self.watermark:
                self.watermark, self._reached_at = t, self._clock()
            self._moved.notify_all()

    async def end(self, t: float) -> None:
        """There is nothing behind `t`."""
        async with self._moved:
            self.end_t = t
            self._moved.notify_all()

    async def until(self, t: float) -> None:
        """Return when `t` is reached, be it behind the end."""
        async with self._moved:
            while self.watermark < t and (left_s := self._left_s(t)) != 0:
                await self._move(left_s)

    async def within(self, t: float) -> bool:
        """Whether `t` lies within the stream: waits until it is reached, or until the stream ends before."""
        async with self._moved:
            while not self._beyond(t):
                if self.watermark + EDGE_S >= t or (left_s := self._left_s(t)) == 0:
                    return True
                await self._move(left_s)
            return False

    async def _move(self, left_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._moved.wait()

    def _left_s(self, t: float) -> float | None:
        """Seconds until the clock says that it is `t`; null where only frames tell the time.

        A frame that is due by then is waited for, for one interval at most.
        """
        if self._frame_s is None or self.watermark < 0:
            return None
        due = self.end_t is None and t >= self._next_frame(self._frame_s)
        behind = t - self.watermark + (self._frame_s if due else 0.0)
        return max(0.0, self._reached_at + behind - self._clock())

    def _next_frame(self, frame_s: float) -> float:
        return self.watermark + (1 - _UNEVEN) * frame_s

    def _beyond(self, t: float) -> bool:
        return self.end_t is not None and t > self.end_t + EDGE_S

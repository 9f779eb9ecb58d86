"""Live pacing: when a frame is due by this host's monotonic clock, and which frames come too late."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Pacer"]


class Pacer:
    """Stream time that runs with the wall clock.

    `position` is the stream time, in seconds, at which it is when made: more than 0 when a stream is taken
    over.
    """

    def __init__(
        self, *, interval: float, position: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.interval = interval
        """Seconds between sampled frames: a frame that is behind by more than one is late."""
        self._clock = clock
        self._begin = clock() - position

    @property
    def now(self) -> float:
        """Seconds of stream time that should have been shown by now."""
        return self._clock() - self._begin

    def wait_s(self, t: float) -> float:
        """Seconds of wall clock until the frame at stream time `t` is due; 0 when it is due or overdue."""
        return max(0.0, t - self.now)

    def late(self, t: float) -> bool:
        """Whether the frame at stream time `t` is behind by more than one sampling interval."""
        return self.now - t > self.interval

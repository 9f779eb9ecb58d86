"""The run's pulse: when something last moved anywhere in it. Only a run that stands still times out."""

from __future__ import annotations

import time

__all__ = ["Pulse"]


class Pulse:
    """Beats with every watermark, owner, final and frame report of any opening of the run."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._last = time.monotonic()

    def beat(self) -> None:
        """Something moved."""
        self._last = time.monotonic()

    @property
    def stalled(self) -> bool:
        """Whether nothing moved for `stall_s` wall-clock seconds."""
        return self.still_s > self._stall_s

    @property
    def still_s(self) -> float:
        """Wall-clock seconds since anything moved."""
        return time.monotonic() - self._last

"""Which pictures of a source become frames: exact arithmetic on presentation times, so variable rates come
out right.

A grid of k / fps lies over stream time. A frame is the first picture at or beyond the next grid point and
keeps its own exact time; the next grid point is the first one beyond that. No picture is taken twice, none is
made up.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

__all__ = ["Clock", "Sampler", "to_seconds"]

MICRO = 1_000_000


def to_seconds(t: Fraction) -> float:
    """An exact time as seconds rounded to microseconds: what goes into records and onto the wire."""
    return round(t * MICRO) / MICRO


class Sampler:
    """Takes at most `fps` pictures a second of stream time."""

    def __init__(self, fps: float) -> None:
        self.fps = Fraction(str(fps))
        self._next = 0

    def take(self, t: Fraction) -> bool:
        """Whether the picture at exact stream time `t` is a frame; times must come in ascending order."""
        if t * self.fps < self._next:
            return False
        self._next = floor(t * self.fps) + 1
        return True


class Clock:
    """Turns pts of one stream into exact stream times that start at 0 and only rise.

    A missing pts is repaired as one picture's duration after the last one. A picture that does not come after
    the last one is dropped; when time jumps back by more than a second (a joined or restarted stream), the
    clock is set anew so that it goes on one duration after the last picture.
    """

    def __init__(self, time_base: Fraction, *, start: int | None, rate: Fraction | None) -> None:
        self._time_base = time_base
        self._start = start
        self._step = 1 / rate if rate else Fraction(0)
        self._shift = Fraction(0)
        self.last: Fraction | None = None

    def read(self, pts: int | None) -> Fraction | None:
        """Stream time of the next picture in order, or None when it must be dropped."""
        t = self._time(pts)
        if t is None or t < 0:
            return None
        if self.last is not None and t <= self.last:
            if self.last - t <= 1 or not self._step:
                return None
            self._shift += self.last + self._step - t
            t = self.last + self._step
        self.last = t
        return t

    def _time(self, pts: int | None) -> Fraction | None:
        if pts is None:
            if self.last is None:
                return Fraction(0) if self._start is None else None
            return self.last + self._step if self._step else None
        if self._start is None:
            self._start = pts
        return (pts - self._start) * self._time_base + self._shift

"""Who hears of a run while it goes on: the progress display, a log, or nobody."""

from __future__ import annotations

from typing import Protocol

from bench.run.plan import Play
from bench.run.records import Record

__all__ = ["Listener", "Silent"]


class Listener(Protocol):
    """Told of what happens, in the run's own thread; must return at once."""

    def began(self, play: Play, questions: int) -> None:
        """A play has begun."""
        ...

    def recorded(self, record: Record) -> None:
        """A record is durable."""
        ...

    def ended(self, play: Play, *, dropped: int = 0) -> None:
        """A play has all its finals; `dropped` frames were lost on the way (live mode)."""
        ...


class Silent:
    """Hears nothing."""

    def began(self, play: Play, questions: int) -> None:
        """Nothing."""

    def recorded(self, record: Record) -> None:
        """Nothing."""

    def ended(self, play: Play, *, dropped: int = 0) -> None:
        """Nothing."""

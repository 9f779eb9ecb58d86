"""Who hears of a run while it goes on: the progress display, a log, or nobody."""

from __future__ import annotations

from typing import Protocol

from bench.run.plan import Play
from bench.run.records import Record

__all__ = ["Listener", "Silent"]


class Listener(Protocol):
    """Told of what happens, in the run's own thread; must return at once."""

    def began(self, opening: str, play: Play, owed: int) -> None:
        """A play has begun, which owes so many finals."""
        ...

    def reached(self, opening: str, t: float) -> None:
        """All up to stream time `t` has been seen."""
        ...

    def recorded(self, record: Record) -> None:
        """A record is durable."""
        ...

    def ended(self, opening: str) -> None:
        """A play is over."""
        ...


class Silent:
    """Hears nothing."""

    def began(self, opening: str, play: Play, owed: int) -> None:
        """Nothing."""

    def reached(self, opening: str, t: float) -> None:
        """Nothing."""

    def recorded(self, record: Record) -> None:
        """Nothing."""

    def ended(self, opening: str) -> None:
        """Nothing."""

"""The gaps of the protocol, between two steps that belong together, as failpoints; and the switches that arm them.

Services of a stack under test run with a rule for each gap. A rule is disarmed by a file; armed by removing it, it
acts on the first process that comes there, which makes the file again first: so it acts once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

__all__ = ["BENCH_GAPS", "GAPS", "SERVICE_GAPS", "Action", "Switches"]

Action = Literal["kill", "pause"]

SERVICE_GAPS = (
    "reader.leased_not_published",
    "reader.frame_published",
    "reader.watermark_published",
    "router.received",
    "router.forwarded_not_replied",
    "router.queued_not_replied",
    "s1.leased_not_subscribed",
    "s1.answering",
    "s1.computed_not_published",
    "s1.published_not_replied",
    "s1.note_computed",
    "s1.note_acked",
    "s1.standing_stored",
    "s1.tick",
    "s1.tick_computed",
    "s1.tick_published",
    "s1.tick_queueing",
    "s1.tick_queued",
    "s2.fetched",
    "s2.answering",
    "s2.computed_not_published",
    "s2.answered_not_acked",
    "memory.received",
    "memory.stored_not_replied",
)
BENCH_GAPS = ("bench.tick_received", "bench.final_received", "bench.record_written")
GAPS = SERVICE_GAPS + BENCH_GAPS


class Switches:
    """One switch for each gap and action; all are off at first."""

    def __init__(
        self, folder: Path, names: Sequence[str] = GAPS, *, actions: Sequence[Action] = ("kill",)
    ) -> None:
        self._folder, self._names, self._actions = folder, names, actions
        folder.mkdir(parents=True, exist_ok=True)
        for name, action in self._all():
            self._file(name, action).touch()

    def _all(self) -> Iterator[tuple[str, Action]]:
        return ((name, action) for name in self._names for action in self._actions)

    def _file(self, name: str, action: Action) -> Path:
        return self._folder / f"{name}.{action}"

    def rules(self) -> str:
        """For `DSB_FAILPOINTS`."""
        return ";".join(f"{name}={action}!{self._file(name, action)}" for name, action in self._all())

    def arm(self, name: str, action: Action = "kill") -> None:
        """The next process to come there is hit."""
        self._file(name, action).unlink()

    def disarm(self, name: str, action: Action = "kill") -> None:
        """Nobody is hit any more; safe to call when it has acted."""
        self._file(name, action).touch()

    def sprung(self, name: str, action: Action = "kill") -> bool:
        """Whether it has acted since it was armed."""
        return self._file(name, action).exists()

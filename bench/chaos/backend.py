"""What a place to play in has to offer, so that one plan can be played on any: embedded, compose, Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol, Self

from bench.chaos.plan import Fault

__all__ = ["Backend", "Job"]


class Job(NamedTuple):
    """A run to play."""

    config: Path
    """A YAML file with every setting."""
    out: Path
    """The folder on this machine in which the run's folder is made."""
    name: str

    @property
    def folder(self) -> Path:
        """The run's own."""
        return self.out / self.name


class Backend(Protocol):
    """A stack that can be harmed. One run at a time; use it as a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *args: object) -> None: ...

    def refusal(self, fault: Fault) -> str:
        """Why this fault can't be had here, and what to do; empty when it can."""
        ...

    def play(self, job: Job, *, resume: bool) -> None:
        """Begin a run, or go on with it, in a process of its own."""
        ...

    def ended(self) -> int | None:
        """The exit code of the bench; null while it runs."""
        ...

    def abandon(self) -> None:
        """End the bench, however it stands."""
        ...

    def said(self) -> str:
        """The last lines that the bench printed."""
        ...

    def arm(self, fault: Fault) -> None:
        """From now on whoever comes to the fault's failpoint is hit."""
        ...

    def sprung(self, fault: Fault) -> bool:
        """Whether somebody was."""
        ...

    def strike(self, fault: Fault) -> bool:
        """Begin the fault, now; whether there was anybody to be hit."""
        ...

    def lift(self, fault: Fault) -> None:
        """End it, or disarm it; safe to call when it is over."""
        ...

    def ready(self, target: str = "") -> bool:
        """Whether the target (empty: everything) is there again and says that it is ready."""
        ...

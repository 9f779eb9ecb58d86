"""What a run shows: progress while it plays, the table and the audit when it is done."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import typer

from bench.run.audit import audit_run
from bench.run.driver import Prepared
from bench.run.folder import RunFolder
from bench.run.plan import Play
from bench.run.records import Record
from bench.scoring import score_run

__all__ = ["Display", "check_run", "report"]

_EVERY_S = 5.0


class Display:
    """Progress of a run, as a context manager."""

    def __init__(self, prepared: Prepared) -> None:
        self._total, self._done, self._last = prepared.questions, 0, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def began(self, play: Play, questions: int) -> None:
        """A play has begun."""

    def recorded(self, record: Record) -> None:
        """A record is durable."""
        self._done += 1
        if time.monotonic() - self._last > _EVERY_S:
            self._last = time.monotonic()
            typer.echo(f"{self._done} finals, {self._total} questions")

    def ended(self, play: Play, *, dropped: int = 0) -> None:
        """A play has all its finals."""


def report(folder: RunFolder) -> None:
    """Score, print the table, and audit; exits 1 when a record breaks a rule."""
    scores = score_run(folder)
    for part in scores.scores.parts:
        for row in part.rows:
            typer.echo(f"{part.part} {row.path} {row.accuracy} ok={row.ok} error={row.error}")
    check_run(folder)


def check_run(folder: RunFolder) -> None:
    """Print what the audit found; exits 1 when a record breaks a rule."""
    found = audit_run(folder)
    for violation in found.violations:
        typer.echo(str(violation), err=True)
    typer.echo(f"audit: {found.finals} finals, {len(found.violations)} violations   {folder.path}")
    if found.violations:
        raise typer.Exit(1)

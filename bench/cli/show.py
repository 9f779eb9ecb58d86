"""What a run shows: progress while it plays, the table and the audit when it is done."""

from __future__ import annotations

from pathlib import PurePath
from types import TracebackType
from typing import Self

import typer

from bench.report import Progress, print_scores
from bench.run.audit import audit_run
from bench.run.driver import Prepared
from bench.run.folder import RunFolder
from bench.run.plan import Play, owed
from bench.run.records import Record
from bench.scoring import score_run
from shared.messages import Status

__all__ = ["Display", "check_run", "report"]


class Display:
    """Progress of a run, as a context manager."""

    def __init__(self, prepared: Prepared) -> None:
        route = prepared.config.system.route
        total, left = owed(prepared.plays, route), owed(prepared.left, route)
        self._progress = Progress(owed=total, done=total - left, streams=len(prepared.left))

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.__exit__(kind, error, trace)

    def began(self, opening: str, play: Play, owed: int) -> None:
        """A play has begun."""
        duration = play.samples[0].streams[0].duration_s
        self._progress.begin(opening, PurePath(play.uri).name, owed=owed, duration_s=duration)

    def reached(self, opening: str, t: float) -> None:
        """Stream time went on."""
        self._progress.advance(opening, t)

    def recorded(self, record: Record) -> None:
        """A record is durable."""
        self._progress.answered(record.opening, failed=record.status is not Status.OK)

    def ended(self, opening: str) -> None:
        """A play is over."""
        self._progress.end(opening)


def report(folder: RunFolder, *, partial: bool = False) -> None:
    """Score, print the table, and audit; exits 1 when a record breaks a rule."""
    print_scores(score_run(folder, partial=partial))
    check_run(folder, complete=not partial)


def check_run(folder: RunFolder, *, complete: bool = True) -> None:
    """Print what the audit found; exits 1 when a record breaks a rule."""
    found = audit_run(folder, complete=complete)
    for violation in found.violations:
        typer.echo(str(violation), err=True)
    verdict = (
        f"{len(found.violations)} violations" if found.violations else "all causal, unique and accounted for"
    )
    typer.echo(f"audit: {found.finals} finals, {verdict}\nrun folder: {folder.path}")
    if found.violations:
        raise typer.Exit(1)

"""What a run shows: progress while it plays, the table and the audit when it is done."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import PurePath
from types import TracebackType
from typing import Literal, Self

import typer

from bench.report import Progress, print_scores
from bench.run.check import Checked, check_folder
from bench.run.driver import Prepared
from bench.run.folder import RunFolder
from bench.run.plan import Play, owed
from bench.run.records import Record
from bench.scoring import score_run
from shared.messages import Status

__all__ = ["Display", "check_run", "report"]


_REASONS = 5


class Display:
    """Progress of a run, as a context manager."""

    def __init__(self, prepared: Prepared) -> None:
        route = prepared.config.system.route
        total, left = owed(prepared.plays, route), owed(prepared.left, route)
        self._make = partial(Progress, owed=total, done=total - left, streams=len(prepared.left))
        self._shown = ExitStack()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.__exit__(kind, error, trace)

    def began(self, opening: str, play: Play, owed: int) -> None:
        """A play has begun."""
        if self._progress is None:  # not before: rates and times are those of playing, not of loading
            self._progress = self._shown.enter_context(self._make())
        duration = play.samples[0].streams[0].duration_s
        self._progress.begin(opening, PurePath(play.uri).name, owed=owed, duration_s=duration)

    def reached(self, opening: str, t: float) -> None:
        """Stream time went on."""
        if self._progress is not None:
            self._progress.advance(opening, t)

    def recorded(self, record: Record) -> None:
        """A record is durable."""
        if self._progress is not None and record.kind == "final":
            self._progress.answered(record.opening, failed=record.status is not Status.OK)

    def ended(self, opening: str) -> None:
        """A play is over."""
        if self._progress is not None:
            self._progress.end(opening)


def report(
    folder: RunFolder,
    *,
    some: bool = False,
    profile: Literal["causal", "official"] = "causal",
    text: str | None = None,
    as_json: bool = False,
) -> None:
    """Score, print the table (or the scores as JSON), and check; exits 1 when there is a problem."""
    scores = score_run(folder, partial=some, profile=profile, text=text)
    if as_json:
        typer.echo(scores.model_dump_json(indent=2))
        return
    print_scores(scores)
    _tell_failures(folder)
    check_run(folder, complete=not some, origin=False, most=_REASONS)


def _tell_failures(folder: RunFolder) -> None:
    """The commonest reasons why answers are no answers."""
    reasons = Counter(line.error for line in folder.scored() if line.error)
    for error, count in reasons.most_common(_REASONS):
        typer.echo(f"{count} × {error}")


def check_run(
    folder: RunFolder,
    *,
    complete: bool = True,
    origin: bool = True,
    as_json: bool = False,
    most: int | None = None,
) -> None:
    """Print the problems of a run folder (with `origin`, of its data set too); exits 1 when there is one.

    `most` bounds how many are printed; all are counted.
    """
    found = check_folder(folder, complete=complete, origin=origin)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        _tell_problems(found, most)
    if found.problems:
        raise typer.Exit(1)


def _tell_problems(found: Checked, most: int | None) -> None:
    for problem in found.problems[:most]:
        typer.echo(str(problem), err=True)
    if most is not None and (more := len(found.problems) - most) > 0:
        typer.echo(f"… and {more} more: `dsb results check {found.run}` lists them all", err=True)
    seen = found.audit
    verdict = f"{len(found.problems)} problems" if found.problems else "all causal, unique and accounted for"
    emissions = f", {seen.emissions} emissions" if seen.emissions else ""
    older = f", {seen.superseded} superseded" if seen.superseded else ""
    typer.echo(f"audit: {seen.finals} finals of {seen.owed}{emissions}{older}, {verdict}")
    typer.echo(f"run folder: {found.run}")

"""Looking at what a run left: scores, the causality audit, versions, and what a machine lacks."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app", "doctor", "score", "version"]

Run = Annotated[str, typer.Argument(help="A run folder.", show_default=False)]

app = typer.Typer(help="Look at what a run left.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at what a run left."""


def score(
    run: Run,
    partial: Annotated[
        bool, typer.Option("--partial", help="Show numbers though answers are missing.")
    ] = False,
) -> None:
    """Score a run folder again from its records, without playing anything, and print the table."""
    from bench.cli.show import report
    from bench.run.folder import RunFolder

    report(RunFolder.open(run), some=partial)


@app.command("check")
def check(run: Run) -> None:
    """Audit every record of a run: no answer may use a frame or a note from after its question."""
    from bench.cli.show import check_run
    from bench.run.folder import RunFolder

    check_run(RunFolder.open(run))


def doctor() -> None:
    """Say what is installed, what is missing, and how to get it."""
    from bench.cli.checkup import checks

    found = checks()
    for result in found:
        mark = "ok  " if result.ok else "MISS" if result.needed else "--  "
        typer.echo(f"{mark} {result.what:<28} {result.says}")
    missing = [result for result in found if result.needed and not result.ok]
    typer.echo(f"{len(missing)} things are missing" if missing else "all that a run needs is here")
    raise typer.Exit(1 if missing else 0)


def version() -> None:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        typer.echo(installed("dualstreambench"))
    except PackageNotFoundError:
        typer.echo("source tree, not installed")

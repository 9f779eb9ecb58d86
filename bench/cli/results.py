"""Looking at what a run left: scores, the causality audit, versions, and what a machine lacks."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.scorefile import Matcher, Rules

__all__ = ["app", "doctor", "score", "version"]

Run = Annotated[str, typer.Argument(help="A run folder.", show_default=False)]

app = typer.Typer(help="Look at what a run left.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at what a run left."""


def score(
    run: Run,
    profile: Annotated[
        Rules, typer.Option(help="The project's rules, or each public benchmark's own beside them.")
    ] = Rules.CAUSAL,
    text: Annotated[
        Matcher | None, typer.Option(help="How free text is compared; else as the run's settings say.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Show numbers though answers are missing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object.")] = False,
) -> None:
    """Score a run folder again from its records, without playing anything, and print the table.

    Example: dsb score runs/mine --profile official
    """
    from bench.cli.show import report
    from bench.run.folder import RunFolder

    report(RunFolder.open(run), some=partial, profile=profile.value, text=text, as_json=as_json)


@app.command("check")
def check(
    run: Run,
    partial: Annotated[
        bool, typer.Option("--partial", help="Don't count answers that are missing as problems.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a run: every line a record, every answer there, once, and from nothing later than its question.

    One line a problem, exit code 1 when there is any.
    """
    from bench.cli.show import check_run
    from bench.run.folder import RunFolder

    check_run(RunFolder.open(run), complete=not partial, as_json=as_json)


@app.command("compare")
def compare(
    run: Run,
    other: Annotated[str, typer.Argument(help="A run on the same questions.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """What a run has over another on the same questions: differences by whole videos, and whether they are luck.

    Example: dsb results compare runs/oracle runs/self
    """
    from bench.report.compare import print_differences
    from bench.run.folder import RunFolder
    from bench.scoring.compare import compare_runs

    found = compare_runs(RunFolder.open(run), RunFolder.open(other))
    if as_json:
        typer.echo("[" + ",\n".join(item.model_dump_json() for item in found) + "]")
    else:
        print_differences(found)


@app.command("merge")
def merge(run: Run) -> None:
    """Join the shards of a run into one, when all are complete, and print its table."""
    from bench.cli.sharded import merge_run

    merge_run(run)


@app.command("export")
def export(
    run: Run,
    out: Annotated[str, typer.Option("--out", help="The folder to write to.", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="csv, parquet or both.")] = "both",
) -> None:
    """Score a run and write its answers as tables: one row an answer, and S1 beside S2 case by case.

    Example: dsb results export runs/mine --out tables --format csv
    """
    from bench.report.export import export_run
    from bench.run.folder import RunFolder

    for file in export_run(RunFolder.open(run), out, form):
        typer.echo(str(file))


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

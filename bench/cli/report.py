"""`dsb report`: runs as one HTML file, or as compact tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bench.forms import Form

__all__ = ["app"]

Runs = Annotated[list[str], typer.Argument(help="Run folders.", show_default=False)]
Shown = Annotated[Form, typer.Option("--format", help="How the table is written.")]


class _PageByDefault(TyperGroup):
    """What is no command is a run: `dsb report RUN` writes its page."""

    default = "page"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_PageByDefault,
    help="Runs as one HTML file (`dsb report RUN…`), or as compact tables.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Runs as one HTML file (`dsb report RUN…`), or as compact tables."""


@app.command("page")
def page(
    runs: Runs,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; report.html in the first run's folder by default.")
    ] = None,
    cases: Annotated[int, typer.Option(min=0, help="Questions of each run shown one by one.")] = 500,
    frames: Annotated[int, typer.Option(min=0, help="Pictures of frames in the file, at most.")] = 3000,
    partial: Annotated[
        bool, typer.Option("--partial", help="Show numbers though answers are missing.")
    ] = False,
) -> None:
    """Write one self-contained HTML file: scores, charts, and each question with its frames, notes and route.

    Example: dsb report runs/mine · dsb report runs/mine runs/other --out both.html
    """
    from bench.report.html import Limits, write_report
    from bench.run.folder import RunFolder

    folders = [RunFolder.open(run) for run in runs]
    target = out or folders[0].path / "report.html"
    for line in write_report(folders, target, limits=Limits(cases, frames), partial=partial):
        typer.echo(f"no pictures: {line}", err=True)
    for folder in folders if not partial else ():
        if (status := folder.manifest().status) != "complete":
            text = f"{folder.path.name} is {status}, so its scores are withheld"
            typer.echo(
                f"{text}: finish it with `dsb run --resume {folder.path}`, or give --partial", err=True
            )
    typer.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


@app.command("backends")
def backends(runs: Runs, form: Shown = Form.TERMINAL) -> None:
    """One row a model: the primary score of each part, latency, tokens and cost.

    Example: dsb report backends runs/small runs/large --format latex
    """
    from bench.report.backends import backend_sheet, backends
    from bench.report.sheet import write_sheets
    from bench.run.folder import RunFolder

    write_sheets([backend_sheet(backends(RunFolder.open(run) for run in runs))], form)


@app.command("routers")
def routers(
    run: Annotated[str, typer.Argument(help="A run with `route: both`.", show_default=False)],
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="A policy to replay beside the standard ones. May be repeated.", show_default=False
        ),
    ] = None,
    cost: Annotated[str, typer.Option(help="seconds, latency, tokens, usd or calls.")] = "seconds",
    form: Shown = Form.TERMINAL,
    plot: Annotated[
        Path | None, typer.Option(help="Also write accuracy over cost to this SVG file.", show_default=False)
    ] = None,
) -> None:
    """One row a routing policy, replayed on a paired run: accuracy, cost, lift over random, misroutes, Pareto front.

    Example: dsb report routers runs/paired --policy learned:router.json --plot routers.svg
    """
    from bench.cli.routers import tell_routers

    tell_routers(run, policy or [], cost=cost, form=form, plot=plot)


@app.command("memory")
def memory(
    ladder: Annotated[Path, typer.Argument(help="The folder of a `dsb memory ablate`.", show_default=False)],
    form: Shown = Form.TERMINAL,
    plot: Annotated[
        Path | None, typer.Option(help="Also write the conditions to this SVG file.", show_default=False)
    ] = None,
) -> None:
    """The memory ladder: what each condition is worth, and accuracy by the age of the evidence.

    Example: dsb report memory runs/ladder --format markdown --plot ladder.svg
    """
    from bench.cli.routers import write_chart
    from bench.memory import read_ladder, sheets
    from bench.memory.tables import ladder_dots
    from bench.report.html.charts import dots
    from bench.report.sheet import write_sheets

    found = read_ladder(ladder)
    write_sheets(sheets(found), form)
    if plot is not None:
        write_chart(plot, dots(ladder_dots(found)))

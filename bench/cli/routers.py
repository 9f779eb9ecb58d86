"""What `dsb report routers` does, and how charts are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from bench.files import write_atomic
from bench.forms import Form
from bench.report.html.charts import bars, lines, stacked, standing_alone
from bench.report.html.page import asset
from bench.report.routers import POLICIES, cost_curves, misroute_bars, replayed, router_sheet
from bench.report.sheet import write_sheets
from bench.routing.paired import CostUnit, paired
from bench.run.folder import RunFolder
from shared.errors import ConfigError

__all__ = ["tell_routers", "write_chart"]


def tell_routers(run: str, policies: Sequence[str], *, cost: str, form: Form, plot: Path | None) -> None:
    """Replay, print the table, and write the chart."""
    if cost not in list(CostUnit):
        raise ConfigError(f"--cost {cost!r}: choose one of {', '.join(CostUnit)}")
    table = paired(RunFolder.open(run), unit=CostUnit(cost))
    found = replayed(table, [*POLICIES, *policies])
    write_sheets([router_sheet(found)], form)
    if plot is not None:
        chart = lines(cost_curves(table, found), x_name=f"{cost} a question", y_name="accuracy, %")
        write_chart(plot, stacked(chart, bars(misroute_bars(found))))


def write_chart(path: Path, svg: str) -> None:
    """Write a chart as a file of its own."""
    write_atomic(path, standing_alone(svg, asset("report.css")).encode())
    typer.echo(f"{path}", err=True)

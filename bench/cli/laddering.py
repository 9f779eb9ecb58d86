"""What `dsb memory ablate` does: play what is left, measure, write, print."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import typer

from bench.cli.playing import read
from bench.cli.show import Display
from bench.forms import Form
from bench.memory import Condition, climb, measure, sheets, write_ladder
from bench.memory.ladder import chosen
from bench.report.sheet import write_sheets
from bench.run.driver import Prepared
from bench.run.listener import Listener
from bench.run.stop import Stop
from shared.logs import setup

__all__ = ["play_ladder"]


def play_ladder(
    config: str, settings: Mapping[str, Any], *, out: str, only: Sequence[str], as_json: bool
) -> bool:
    """Whether every chosen condition is complete; what was played is kept either way."""
    setup("error" if sys.stderr.isatty() else "warning", "console")
    base, folder = read(config, settings), Path(out)
    conditions, stop = chosen(only), Stop()

    def watch(condition: Condition, prepared: Prepared) -> AbstractContextManager[Listener]:
        place = conditions.index(condition) + 1
        typer.echo(f"condition {place} of {len(conditions)}, {condition.name}: {condition.says}", err=True)
        return Display(prepared)

    folders = climb(base, folder, conditions=conditions, watch=watch, stop=stop)
    if len(folders) < len(conditions):
        typer.echo("interrupted; all that was answered is kept. Call the same command again to go on.")
        return False
    ladder = measure(folders)
    made = write_ladder(ladder, folder)
    if as_json:
        typer.echo(ladder.model_dump_json(indent=2))
    else:
        write_sheets(sheets(ladder), Form.TERMINAL)
        typer.echo(f"written: {', '.join(str(path) for path in made)}")
    return True

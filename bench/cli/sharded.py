"""What `dsb run-all` and `dsb results merge` do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from bench.cli import INTERRUPTED
from bench.cli.playing import read
from bench.cli.show import report
from bench.run.folder import RunFolder
from bench.run.merge import merge
from bench.run.preparing import Whole, whole_run
from bench.run.runall import Planned, planned, run_shards
from bench.run.shards import Cost
from bench.run.stop import Stop
from shared.logs import setup

__all__ = ["merge_run", "run_sharded"]

_FLAGS = {
    "dataset.max_samples": "--max-samples",
    "dataset.parts": "--part",
    "stream.mode": "--mode",
    "system.route": "--route",
    "stream.seed": "--seed",
}


def run_sharded(
    config: str, settings: Mapping[str, Any], *, parallel: int, dry_run: bool, nats: str, scale: Sequence[str]
) -> None:
    """Play what is left in shards, merge, print the table; exits 1 when a shard died, 130 when interrupted."""
    setup("warning", "console")
    whole = whole_run(read(config, settings), parallel, adopt=True, begin=not dry_run)
    _tell(whole, planned(whole))
    if dry_run:
        return
    words = _words(config, settings, whole, nats, scale)
    stop = Stop()
    if run_shards(whole, words, parallel=parallel, say=typer.echo, stop=stop):
        report(RunFolder.open(whole.folder.path))
        return
    typer.echo("not complete; all that was answered is kept. Call the same command again to go on.")
    raise typer.Exit(INTERRUPTED if stop.is_set() else 1)


def merge_run(run: str) -> None:
    """Merge the shards of a run, print its table."""
    folder = RunFolder.open(run)
    merge(folder)
    report(folder)


def _words(
    config: str, settings: Mapping[str, Any], whole: Whole, nats: str, scale: Sequence[str]
) -> list[str]:
    """The command of one shard, but for which one."""
    words = ["run", *([os.fspath(config)] if config else [])]
    for key, flag in _FLAGS.items():
        value = settings.get(key)
        for one in value if isinstance(value, list) else [] if value is None else [value]:
            words += [flag, str(one)]
    path = Path(whole.folder.path)
    words += ["--out", str(path.parent), "--name", path.name]
    words += ["--nats", nats] if nats else []
    return words + [word for item in scale for word in ("--scale", item)]


def _tell(whole: Whole, shards: Sequence[Planned]) -> None:
    head = ("shard", "videos", "questions", "answers", "stream s", "left: videos", "answers", "stream s")
    rows = [(str(item.shard), *_cells(item.cost), *_cells(item.left, asked=False)) for item in shards]
    rows.append(
        ("all", *_cells(_sum(i.cost for i in shards)), *_cells(_sum(i.left for i in shards), asked=False))
    )
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        typer.echo("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    typer.echo(f"run folder: {whole.folder.path}")


def _cells(cost: Cost, *, asked: bool = True) -> tuple[str, ...]:
    questions = (str(cost.questions),) if asked else ()
    return (str(cost.videos), *questions, str(cost.answers), f"{cost.stream_s:.0f}")


def _sum(costs: Iterable[Cost]) -> Cost:
    held = list(costs)
    return Cost(*(sum(column) for column in zip(*held, strict=True)))

"""What the commands of `dsb batch` do."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from bench.batch import BatchRun, Standing, begin, check, gone_on_with, place_of
from bench.cli.playing import read
from bench.cli.show import report
from bench.cli.spending import tell_spending
from bench.run.folder import RunFolder
from bench.run.preparing import Prepared
from shared.errors import ConfigError
from shared.logs import setup
from shared.vlm.providers.prices import batch_share

__all__ = ["cancel", "collect", "resume", "status", "submit", "tell"]

_HEAD = ("batch", "system", "round", "requests", "answered", "failed", "state", "id")


def tell(target: str, settings: Mapping[str, Any]) -> None:
    """Print the estimate, at the price of batches."""
    tell_spending(check(read(target, settings)), share=batch_share)


def submit(target: str, settings: Mapping[str, Any], *, attempts: int | None, clean: bool) -> None:
    """Begin a run or go on with it, and hand in what is due."""
    if _is_run(target):
        if clean or any(value is not None for value in settings.values()):
            raise ConfigError(f"{target} is a run: its settings stand; name a YAML file to begin another")
        prepared = gone_on_with(RunFolder.open(target))
    else:
        prepared = begin(read(target, settings), clean=clean)
    run = _run(prepared)
    run.submit(attempts=attempts)
    _next(prepared, run)


def status(target: str) -> None:
    """Print one line a batch."""
    prepared = _held(target)
    run = _run(prepared)
    state = run.state
    rows = [_HEAD, *map(_row, run.look())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if state.cancelled:
        typer.echo(f"cancelled; go on with: dsb batch resume {prepared.folder.path}")
    else:
        _next(prepared, run)


def collect(target: str, *, poll_s: float, timeout_s: float | None) -> None:
    """Wait, and score the run when it is complete; exits 1 when it is not."""
    prepared = _held(target)
    run, began = _run(prepared), time.monotonic()
    while not run.collect():
        waited = time.monotonic() - began
        if timeout_s is not None and waited + poll_s > timeout_s:
            typer.echo(f"not complete after {waited:.0f} s; what is under way goes on. Call it again later.")
            raise typer.Exit(1)
        time.sleep(poll_s)
    if run.complete:
        report(prepared.folder)
        return
    typer.echo(f"cancelled; what was answered is kept. Go on with: dsb batch resume {prepared.folder.path}")
    raise typer.Exit(1)


def cancel(target: str) -> None:
    """Call off what is under way."""
    prepared = _held(target)
    count = _run(prepared).cancel()
    place = prepared.folder.path
    typer.echo(f"{count} batches called off; fetch what they brought with: dsb batch collect {place}")


def resume(target: str, *, attempts: int | None) -> None:
    """Hand in what is missing."""
    prepared = _held(target)
    run = _run(prepared)
    run.submit(attempts=attempts, again=True)
    _next(prepared, run)


def _run(prepared: Prepared) -> BatchRun:
    setup("error" if sys.stderr.isatty() else "warning", "console")
    return BatchRun(prepared, say=typer.echo)


def _is_run(target: str) -> bool:
    return (Path(target) / "manifest.json").is_file()


def _held(target: str) -> Prepared:
    """The run of a folder, or the one that a configuration begins; raises `ConfigError` when there is none."""
    if _is_run(target):
        return gone_on_with(RunFolder.open(target))
    place = place_of(check(read(target, {})))
    if not (place / "manifest.json").is_file():
        raise ConfigError(f"{place} is no run folder: `dsb batch submit {target}` first, or name the folder")
    return gone_on_with(RunFolder.open(place))


def _row(item: Standing) -> Sequence[str]:
    batch, look = item.batch, item.look
    counts = (f"{look.answered}", f"{look.failed}") if look else ("", "")
    told = item.trouble or (look.told if look else batch.told)
    state = f"{batch.stage}, {told}" if told else f"{batch.stage}"
    return (
        batch.marker,
        batch.system,
        f"{batch.round}",
        f"{len(batch.ids)}",
        *counts,
        state,
        batch.id or "-",
    )


def _next(prepared: Prepared, run: BatchRun) -> None:
    place = prepared.folder.path
    if run.complete:
        typer.echo(f"complete: dsb score {place}")
    else:
        typer.echo(f"run folder: {place}. Wait for the answers with: dsb batch collect {place}")

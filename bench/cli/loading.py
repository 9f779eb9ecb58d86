"""What the commands of `dsb load` do: measure, print tables and one JSON line, write the chart."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import typer

from bench.cli import INTERRUPTED
from bench.cli.routers import write_chart
from bench.load import Crowd, Kept, Limit, interference, max_fps, max_streams, plots, soak, throughput
from bench.load.interference import Kind
from bench.load.sheets import interference_sheet, soak_sheets, throughput_sheet, trials_sheet
from bench.load.soak import MOST
from bench.load.telling import machine, tell
from bench.load.verdict import interference_missed, soak_missed, throughput_missed
from bench.run.manifest import running_code
from shared.errors import ConfigError
from shared.logs import setup

__all__ = ["tell_interference", "tell_maxfps", "tell_soak", "tell_streams", "tell_throughput"]


def tell_maxfps(
    streams: int,
    *,
    seconds: float,
    most: int,
    limit: Limit,
    notes: bool,
    keep: Path | None,
    plot: Path | None,
) -> None:
    """Search, then tell."""
    begun = machine()
    kept = _kept(keep, begun)
    with _scratch() as folder:
        found = max_fps(
            folder, streams=streams, seconds=seconds, most=most, limit=limit, notes=notes, kept=kept
        )
    title = f"MaxFPS = {found['max_fps']} frames/s of each of {streams} live streams, {_notes(notes)}"
    title += f", of {most} at most" if found["max_fps"] == most else ""
    tell("maxfps", [trials_sheet(title, found["trials"])], found, begun)
    _draw(plot, plots.trials_plot(found["trials"], "fps"))


def tell_streams(
    crowd: Crowd,
    *,
    seconds: float,
    most: int,
    limit: Limit,
    only: int | None,
    slots: int | None,
    keep: Path | None,
    plot: Path | None,
) -> None:
    """Search, or try one number, then tell."""
    begun = machine()
    kept = _kept(keep, begun)
    with _scratch() as folder:
        found = max_streams(
            folder, crowd, seconds=seconds, most=most, limit=limit, only=only, slots=slots, kept=kept
        )
    title = f"live streams, {crowd.fps:g} frames/s each, {_notes(crowd.notes)}, target p95 {limit.p95_s:g} s"
    if "n_star" in found:
        title = f"N* = {found['n_star']} {title}" + (f", {most} at most" if found["n_star"] == most else "")
    tell("streams", [trials_sheet(title, found["trials"])], found, begun)
    _draw(plot, plots.trials_plot(found["trials"], "streams"))


def tell_interference(
    kinds: Sequence[str],
    *,
    pairs: int,
    seconds: float,
    streams: int,
    ask_every_s: float,
    sleep_s: float,
    require: bool,
    plot: Path | None,
) -> None:
    """Measure each kind of S2, then tell."""
    if require and "sleep" not in kinds:
        raise ConfigError("--require is about an S2 that sleeps: give --s2 sleep, or both")
    begun, found = machine(), dict[str, dict[str, Any]]()
    for kind in kinds:
        with _scratch() as folder:
            found[kind] = interference(
                folder,
                cast(Kind, kind),
                pairs=pairs,
                seconds=seconds,
                streams=streams,
                ask_every_s=ask_every_s,
                sleep_s=sleep_s,
            )
    settings = {"seconds": seconds, "streams": streams, "ask_every_s": ask_every_s, "sleep_s": sleep_s}
    missed = interference_missed(found)
    tell("interference", [interference_sheet(found)], {**settings, **found, "missed": missed}, begun)
    _draw(plot, plots.interference_plot(found))
    _judge(missed, require)


def tell_throughput(workers: int, *, jobs: int, sleep_s: float, require: bool, plot: Path | None) -> None:
    """Measure, then tell."""
    begun = machine()
    with _scratch() as folder:
        found = throughput(folder, workers=workers, jobs=jobs, sleep_s=sleep_s)
    missed = throughput_missed(found)
    tell("throughput", [throughput_sheet(found)], {**found, "missed": missed}, begun)
    _draw(plot, plots.throughput_plot(found))
    _judge(missed, require)


def tell_soak(
    streams: str,
    *,
    seconds: float,
    warm_up_s: float | None,
    fps: float,
    slots: int | None,
    with_s2: bool,
    require: bool,
    plot: Path | None,
) -> None:
    """Soak, then tell."""
    wanted, begun = _streams(streams), machine()
    with _scratch() as folder:
        found = soak(
            folder,
            seconds=seconds,
            warm_up_s=seconds / 2 if warm_up_s is None else warm_up_s,
            streams=wanted,
            fps=fps,
            slots=slots,
            with_s2=with_s2,
        )
    missed = soak_missed(found)
    tell("soak", soak_sheets(found), {**found, "missed": missed}, begun)
    _draw(plot, plots.soak_plot(found))
    if found["interrupted"]:
        typer.echo(f"dsb: {missed[0]}: the figures are those until there", err=True)
        raise typer.Exit(INTERRUPTED)
    _judge(missed, require)


def _judge(missed: Sequence[str], require: bool) -> None:
    """End with code 1 and one line when something that is required was missed."""
    if require and missed:
        typer.echo(f"dsb: missed: {'; '.join(missed)}", err=True)
        raise typer.Exit(1)


def _streams(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise ConfigError(f"--streams {text!r}: give a number from 1 to {MOST}, or all")
    return int(text)


def _notes(notes: bool) -> str:
    return "S1 writing notes" if notes else "S1 writing no notes"


def _kept(file: Path | None, on: dict[str, Any]) -> Kept:
    return Kept(file, {"processor": on["processor"], "cores": on["cores"], "code": running_code()})


def _draw(plot: Path | None, svg: str) -> None:
    if plot is not None:
        write_chart(plot, svg)


@contextmanager
def _scratch() -> Iterator[Path]:
    setup("warning", "console")
    with tempfile.TemporaryDirectory(prefix="dsb-load-") as folder:
        yield Path(folder)

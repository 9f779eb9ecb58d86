"""`dsb load`: how much the stack bears. Each command starts an embedded stack of its own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="How much the stack bears: frame rates, streams, S1 beside a busy S2, S2 workers, hours.",
    no_args_is_help=True,
)


class _S2(StrEnum):
    SLEEP = "sleep"
    COMPUTE = "compute"
    BOTH = "both"


Fps = Annotated[float, typer.Option(min=0.1, max=240, help="Frames a second of each stream.")]
Seconds = Annotated[float, typer.Option(min=5, help="Wall clock of one trial.")]
Sleep = Annotated[float, typer.Option(min=0.001, max=10, help="Seconds that an S2 worker sleeps a job.")]
Slots = Annotated[
    int | None, typer.Option(min=1, max=256, help="Streams that S1 may own; by default room for all.")
]
Plot = Annotated[Path | None, typer.Option(dir_okay=False, writable=True, help="Also draw it: an SVG file.")]
Keep = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False,
        writable=True,
        help="Keep trials in this file; what is there is not measured again.",
    ),
]
Drops = Annotated[float, typer.Option(min=0, max=1, help="Share of frames that may be given up.")]
Notes = Annotated[
    bool,
    typer.Option("--notes/--no-notes", help="Whether S1 writes a note of each stream every five seconds."),
]
Require = Annotated[bool, typer.Option("--require", help="End with code 1 when the command's aim is missed.")]


@app.callback()
def _group() -> None:
    """How much the stack bears: frame rates, streams, S1 beside a busy S2, S2 workers, hours."""


@app.command("maxfps")
def maxfps(
    streams: Annotated[int, typer.Option(min=1, max=64, help="Live streams.")] = 1,
    seconds: Seconds = 60.0,
    most: Annotated[int, typer.Option(min=1, max=240, help="The highest rate tried.")] = 240,
    age: Annotated[float, typer.Option(min=0.001, help="Target: p95 age of the newest frame, s.")] = 0.5,
    drops: Drops = 0.0,
    notes: Notes = True,
    keep: Keep = None,
    plot: Plot = None,
) -> None:
    """Find the highest frame rate that reader and S1 sustain: no drops, nothing piles up, frames fresh.

    Example: dsb load maxfps --seconds 30 --keep trials.jsonl --plot maxfps.svg
    """
    from bench.cli.loading import tell_maxfps
    from bench.load import Limit

    tell_maxfps(
        streams, seconds=seconds, most=most, limit=Limit("age", age, drops), notes=notes, keep=keep, plot=plot
    )


@app.command("streams")
def streams(
    fps: Fps = 2.0,
    seconds: Seconds = 60.0,
    most: Annotated[int, typer.Option(min=1, max=256, help="The largest number tried.")] = 64,
    latency: Annotated[float, typer.Option(min=0.001, help="Target: p95 of S1's answers, s.")] = 0.5,
    drops: Drops = 0.01,
    notes: Notes = True,
    at: Annotated[int | None, typer.Option(min=1, max=256, help="Only one trial, of so many.")] = None,
    slots: Slots = None,
    keep: Keep = None,
    plot: Plot = None,
) -> None:
    """Find N*, the largest number of live streams whose answers keep a latency target; one reader, one S1.

    Example: dsb load streams --at 64 --slots 8 · dsb load streams --latency 0.2 --keep trials.jsonl
    """
    from bench.cli.loading import tell_streams
    from bench.load import Crowd, Limit

    limit = Limit("latency", latency, drops)
    tell_streams(
        Crowd(fps=fps, notes=notes),
        seconds=seconds,
        most=most,
        limit=limit,
        only=at,
        slots=slots,
        keep=keep,
        plot=plot,
    )


@app.command("interference")
def interference(
    s2: Annotated[_S2, typer.Option(help="What S2 does with a job.")] = _S2.BOTH,
    pairs: Annotated[int, typer.Option(min=1, max=50, help="Of stretches, idle and saturated.")] = 5,
    seconds: Seconds = 40.0,
    streams: Annotated[int, typer.Option(min=1, max=32, help="Live streams.")] = 4,
    ask: Annotated[float, typer.Option(min=0.5, help="Seconds between questions about one stream.")] = 1.0,
    sleep: Sleep = 0.5,
    require: Require = False,
    plot: Plot = None,
) -> None:
    """Measure S1's p95 while S2 is saturated over that while S2 idles, median of paired stretches.

    The aim, for an S2 that sleeps, is at most 1.25.

    Example: dsb load interference --s2 sleep --pairs 5 --seconds 40
    """
    from bench.cli.loading import tell_interference

    kinds = (_S2.SLEEP, _S2.COMPUTE) if s2 is _S2.BOTH else (s2,)
    tell_interference(
        [kind.value for kind in kinds],
        pairs=pairs,
        seconds=seconds,
        streams=streams,
        ask_every_s=ask,
        sleep_s=sleep,
        require=require,
        plot=plot,
    )


@app.command("throughput")
def throughput(
    workers: Annotated[int, typer.Option(min=1, max=16, help="S2 workers in the end.")] = 4,
    jobs: Annotated[int, typer.Option(min=5, help="Answers of each worker in each step.")] = 60,
    sleep: Sleep = 0.5,
    require: Require = False,
    plot: Plot = None,
) -> None:
    """Measure answers a second from one S2 worker to several, each of which sleeps a fixed time a job.

    The aim is 0.9 times as many as there are workers: 3.6 times one from four.

    Example: dsb load throughput --workers 4 --sleep 0.25 --plot throughput.svg
    """
    from bench.cli.loading import tell_throughput

    tell_throughput(workers, jobs=jobs, sleep_s=sleep, require=require, plot=plot)


@app.command("soak")
def soak(
    seconds: Annotated[float, typer.Option(min=5, help="Of wall clock, after the warm-up.")] = 3600.0,
    warm_up: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds before the slopes begin; half of --seconds by default."),
    ] = None,
    streams: Annotated[str, typer.Option(help="How many, or all: as many as S1 admits.")] = "8",
    fps: Fps = 2.0,
    slots: Slots = None,
    only_s1: Annotated[bool, typer.Option("--only-s1", help="No S2, and no question to it.")] = False,
    require: Require = False,
    plot: Plot = None,
) -> None:
    """Play live streams for long: drops by reason, reconnects, age of frames, memory of each process and its slope.

    The aim: each slope within two standard errors of none, no reconnect, no lost lease, no process started anew, no
    failed question, no drop that was not S1's own policy. Ctrl-C ends it early, with the figures until then, and exit
    code 130.

    Example: dsb load soak --seconds 600 --streams 4
    """
    from bench.cli.loading import tell_soak

    tell_soak(
        streams,
        seconds=seconds,
        warm_up_s=warm_up,
        fps=fps,
        slots=slots,
        with_s2=not only_s1,
        require=require,
        plot=plot,
    )

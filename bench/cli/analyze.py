"""`dsb analyze`: what a run's records say beyond its scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.forms import Form

__all__ = ["app"]

app = typer.Typer(help="Lateness and other hardware, from a run's records.", no_args_is_help=True)

Run = Annotated[str, typer.Argument(help="A run folder.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Shown = Annotated[Form, typer.Option("--format", help="How tables are written.")]
Horizon = Annotated[
    float, typer.Option("--horizon", min=0.001, help="Seconds from the ask over which quality is integrated.")
]


@app.callback()
def _group() -> None:
    """Lateness and other hardware, from a run's records."""


@app.command("staleness")
def staleness(
    run: Run, horizon: Horizon = 10.0, form: Shown = Form.TERMINAL, as_json: AsJson = False
) -> None:
    """Accuracy at the ask and at the emission, right within a deadline, and S2's revision of S1's answer.

    In live runs emissions have the broker's time; in the others the stream waits, and an answer counts as given
    its measured latency after the ask.

    Example: dsb analyze staleness runs/mine --format markdown
    """
    from bench.cli.timing import tell_staleness

    tell_staleness(run, horizon_s=horizon, form=form, as_json=as_json)


@app.command("profile")
def profile(
    run: Run,
    out: Annotated[Path, typer.Option(help="The file to write.", show_default=False)],
) -> None:
    """Save how long each stage took in a run, for `dsb analyze clock` on any machine.

    Example: dsb analyze profile runs/mine --out mine.latency.json
    """
    from bench.cli.timing import save_profile

    save_profile(run, out)


@app.command("clock")
def clock(
    run: Run,
    profile: Annotated[
        Path | None, typer.Option(help="A file of `dsb analyze profile`; the run's own times by default.")
    ] = None,
    s1: Annotated[int, typer.Option(min=1, help="S1 workers.")] = 1,
    s2: Annotated[int, typer.Option(min=1, help="S2 workers.")] = 1,
    streams: Annotated[int, typer.Option(min=1, help="Streams that play at once.")] = 4,
    scale: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STAGE=FACTOR",
            help="Slower or faster, e.g. s2.model=0.25. May be repeated.",
            show_default=False,
        ),
    ] = None,
    horizon: Horizon = 10.0,
    form: Shown = Form.TERMINAL,
    as_json: AsJson = False,
) -> None:
    """Replay a run as if it had been live on other hardware: the same digits on any machine.

    Example: dsb analyze clock runs/mine --profile gpu.latency.json --s2 2 --scale s2.model=0.5
    """
    from bench.analysis.clock import Hardware
    from bench.analysis.profiles import STAGES
    from bench.analysis.replayed import scales
    from bench.cli.timing import tell_clock

    hardware = Hardware(s1, s2, streams, scales(scale or [], STAGES))
    tell_clock(run, profile, hardware, horizon_s=horizon, form=form, as_json=as_json)

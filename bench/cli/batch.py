"""`dsb batch`: the questions of a run handed to providers' batch APIs, which answer within a day and for less."""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = ["app"]

app = typer.Typer(help="Ask providers' models by batch: within a day, for less.", no_args_is_help=True)

Target = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG_OR_RUN",
        help="A YAML file, or the run folder that `submit` made.",
        show_default=False,
    ),
]
MaxSamples = Annotated[int | None, typer.Option(min=1, help="Ask only the first N samples.")]
Parts = Annotated[
    list[str] | None,
    typer.Option(
        "--part", help="Only this part: realtime, reasoning, clue, proactive or sequential. May be repeated."
    ),
]
RouteOption = Annotated[
    str | None, typer.Option(help="Who answers: both, rule, force-s1, force-s2, or an installed policy.")
]
Out = Annotated[str | None, typer.Option(help="The folder in which run folders are made.")]
Name = Annotated[str | None, typer.Option(help="Of the run folder; made from settings and data by default.")]
Attempts = Annotated[
    int | None, typer.Option(min=1, max=20, help="Batches that a request may fail in; 3 at first.")
]


@app.callback()
def _group() -> None:
    """Ask providers' models by batch: within a day, for less."""


@app.command("submit")
def submit(
    target: Target,
    max_samples: MaxSamples = None,
    part: Parts = None,
    route: RouteOption = None,
    out: Out = None,
    name: Name = None,
    attempts: Attempts = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and its cost; send nothing.")
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Begin anew; the earlier run folder is put aside.")
    ] = False,
) -> None:
    """Hand in the questions of a run. Called again, it hands in nothing twice.

    Example: dsb batch submit my.yaml --part realtime --dry-run
    """
    from bench.cli import batching

    settings = _settings(max_samples, part, route, out, name)
    if dry_run:
        batching.tell(target, settings)
    else:
        batching.submit(target, settings, attempts=attempts, clean=clean)


@app.command("status")
def status(target: Target) -> None:
    """Ask how the batches of a run stand. Changes nothing."""
    from bench.cli import batching

    batching.status(target)


@app.command("collect")
def collect(
    target: Target,
    poll: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")] = 60.0,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds to wait at most; 0: one look. What is under way goes on."),
    ] = None,
) -> None:
    """Wait for answers, ask what follows from them, and score the run when it is complete.

    What brought no answer is handed in again. Exits 1 when the run is not complete: call it again.

    Example: dsb batch collect runs/mine --poll 60 --timeout 3600
    """
    from bench.cli import batching

    batching.collect(target, poll_s=poll, timeout_s=timeout)


@app.command("cancel")
def cancel(target: Target) -> None:
    """Call off the batches that are under way. What is answered by then is paid, and can be collected."""
    from bench.cli import batching

    batching.cancel(target)


@app.command("resume")
def resume(target: Target, attempts: Attempts = None) -> None:
    """Go on after an interruption or a cancel: hand in what is still missing, and nothing twice."""
    from bench.cli import batching

    batching.resume(target, attempts=attempts)


def _settings(
    max_samples: int | None, part: list[str] | None, route: str | None, out: str | None, name: str | None
) -> dict[str, Any]:
    return {
        "dataset.max_samples": max_samples,
        "dataset.parts": part or None,
        "system.route": route,
        "output.dir": out,
        "output.name": name,
    }

"""`dsb memory`: what memory is worth, what it holds, and what shall go."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from bench.cli import INTERRUPTED

__all__ = ["app"]

app = typer.Typer(help="What memory is worth, what it holds, what shall go.", no_args_is_help=True)

Nats = Annotated[str, typer.Option(help="Broker of a running stack; else DSB_NATS_URL.")]


class LadderMode(StrEnum):
    """How the conditions are played."""

    OFFLINE = "offline"
    CAPACITY = "capacity"


@app.callback()
def _group() -> None:
    """What memory is worth, what it holds, what shall go."""


@app.command("ablate")
def ablate(
    config: Annotated[
        str, typer.Argument(help="A YAML file, or an example that ships.", show_default=False)
    ] = "",
    out: Annotated[
        str, typer.Option("--out", help="The folder of the ladder; called again, it goes on.")
    ] = "runs/ladder",
    mode: Annotated[
        LadderMode,
        typer.Option(help="In this process, or through the embedded stack: the answers are the same."),
    ] = LadderMode.OFFLINE,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this condition, beside `none`; may be repeated.")
    ] = None,
    max_samples: Annotated[int | None, typer.Option(min=1, help="Ask no more samples than this.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the statistics and of the shuffled times.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the ladder as one JSON object.")] = False,
) -> None:
    """Play the whole memory ladder, one run a condition, and print what each is worth.

    Conditions: none, short, long, both, oracle evidence, and the controls: shuffled times, another video's notes,
    notes of an untrained S1, and the same model with the last frames.

    Example: dsb memory ablate my.yaml --out runs/ladder --max-samples 200
    """
    from bench.cli.laddering import play_ladder

    settings = {"stream.mode": mode.value, "dataset.max_samples": max_samples, "stream.seed": seed}
    if not play_ladder(config, settings, out=out, only=only or [], as_json=as_json):
        raise typer.Exit(INTERRUPTED)


@app.command("ls")
def ls(
    nats: Nats = "",
    run: Annotated[str, typer.Option(help="This run alone.", show_default=False)] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show whose notes a running memory service holds, and how many.

    Example: dsb memory ls --nats nats://127.0.0.1:4222
    """
    from bench.cli.remembering import show_runs

    show_runs(nats, run, as_json=as_json)


@app.command("rm")
def rm(
    run: Annotated[str, typer.Option("--run", help="Whose notes shall go.", show_default=False)],
    nats: Nats = "",
) -> None:
    """Remove the notes of a run from a running memory service; other runs keep theirs.

    Example: dsb memory rm --run 1123-040506-ab12cd
    """
    from bench.cli.remembering import forget_run

    forget_run(nats, run)

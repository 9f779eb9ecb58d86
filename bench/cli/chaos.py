"""`dsb chaos`: play a run under faults, and say what they changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["chaos"]


def chaos(
    plan: Annotated[str, typer.Argument(help="A fault plan, a YAML file.", show_default=False)] = "",
    random: Annotated[
        int,
        typer.Option(
            "--random", min=0, help="No file: so many seeded plans on a small set.", show_default=False
        ),
    ] = 0,
    seed: Annotated[
        int | None, typer.Option(help="Of the plans of --random; 0 by default.", show_default=False)
    ] = None,
    backend: Annotated[
        str,
        typer.Option(help="embedded, compose or kubernetes; else as the plan says.", show_default=False),
    ] = "",
    out: Annotated[
        str,
        typer.Option(
            help="The folder in which run folders are made; runs, or runs/chaos-BACKEND-SEED for --random.",
            show_default=False,
        ),
    ] = "",
    name: Annotated[str, typer.Option(help="Of the run folder; made from the time by default.")] = "",
) -> None:
    """Play a run without faults and under those of a plan; print recovery times, what is lost and how scores moved.

    Exits 1 when a record is lost, there twice or changed, or when the stack does not come back. The run's report
    (`dsb report`) has the table, too. With --random the last line is one JSON object, and a second call goes on
    where the first one stopped.

    Examples: dsb chaos plan.yaml · dsb chaos --random 100 --seed 0 · dsb chaos --random 10 --backend compose
    """
    from bench.cli.faulting import play_plan, play_random
    from shared.errors import ConfigError

    if bool(plan) == bool(random):
        raise ConfigError("say what to play: a PLAN.yaml, or --random N")
    if plan and seed is not None:
        raise ConfigError("--seed is for --random: a plan has its seed in the file")
    if random and name:
        raise ConfigError("--name is for a PLAN.yaml: --random names its folders by seed and number")
    if out and Path(out).exists() and not Path(out).is_dir():
        raise ConfigError(f"--out {out} is a file: name a folder")
    sound = (
        play_plan(plan, backend=backend, out=out or "runs", name=name)
        if plan
        else play_random(random, seed=seed or 0, backend=backend or "embedded", out=out)
    )
    raise typer.Exit(0 if sound else 1)

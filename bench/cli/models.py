"""`dsb models`: train the tiny models that ship."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="The tiny models that ship.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The tiny models that ship."""


@app.command("train-tiny")
def train_tiny(
    out: Annotated[str, typer.Option(help="Where tiny-s1/ and tiny-s2/ are written.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same models.")] = 0,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="tiny-s1 or tiny-s2; both by default. May be repeated."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few steps only, to see that it runs.")] = False,
) -> None:
    """Train tiny-s1 and tiny-s2 on the synthetic world's training scenes.

    A stopped training goes on where it was when it is started again.

    Example: dsb models train-tiny --out models
    """
    from pathlib import Path

    from bench.tiny.train import train

    train(
        Path(out), seed=seed, models=tuple(model or ("tiny-s1", "tiny-s2")), quick=quick, progress=typer.echo
    )

"""`dsb load`: how much the stack bears. Each command starts an embedded stack of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="How much the stack bears: frame rates, streams, S1 beside a busy S2, S2 workers, hours.",
    no_args_is_help=True,
)

Fps = Annotated[float, typer.Option(min=0.1, max=240, help="Frames a second of each stream.")]


@app.callback()
def _group() -> None:
    """How much the stack bears: frame rates, streams, S1 beside a busy S2, S2 workers, hours."""


@app.command("soak")
def soak(
    seconds: Annotated[float, typer.Option(min=5, help="Of wall clock.")] = 3600.0,
    streams: Annotated[str, typer.Option(help="How many, or all: as many as S1 admits.")] = "8",
    fps: Fps = 2.0,
    slots: Annotated[
        int | None, typer.Option(min=1, max=64, help="Streams that S1 may own; by default room for all.")
    ] = None,
    only_s1: Annotated[bool, typer.Option("--only-s1", help="No S2, and no question to it.")] = False,
) -> None:
    """Play live streams for long: drops by reason, reconnects, age of frames, memory of each process and its slope.

    Example: dsb load soak --seconds 600 --streams 4
    """
    from bench.load import soak as run
    from bench.load.telling import machine, soak_sheets, tell

    wanted, begun = _streams(streams), machine()
    with _scratch() as folder:
        found = run(folder, seconds=seconds, streams=wanted, fps=fps, slots=slots, with_s2=not only_s1)
    tell("soak", soak_sheets(found), found, begun)


def _streams(text: str) -> int | None:
    from bench.load.soak import MOST
    from shared.errors import ConfigError

    if text == "all":
        return None
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise ConfigError(f"--streams {text!r}: give a number from 1 to {MOST}, or all")
    return int(text)


@contextmanager
def _scratch() -> Iterator[Path]:
    from shared.logs import setup

    setup("warning", "console")
    with tempfile.TemporaryDirectory(prefix="dsb-load-") as folder:
        yield Path(folder)

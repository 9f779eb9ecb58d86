"""What `dsb up` does."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import typer

from bench.cli.playing import counts, read
from bench.run.driver import stack_spec
from bench.run.embedded import Stack
from bench.run.stop import Stop, on_signals
from shared.logs import setup

__all__ = ["keep_up"]


def keep_up(config: str, *, port: int, folder: str, scale: Sequence[str], in_process: bool) -> None:
    """Start the stack, say how to use it, and wait for a signal."""
    setup("warning", "console")
    with tempfile.TemporaryDirectory(prefix="dsb-") as scratch:
        place = Path(folder or scratch)
        spec = stack_spec(read(config, {}), place, counts=counts(scale), port=port, in_process=in_process)
        typer.echo("starting broker, reader, s1, s2, router and memory …")
        with Stack(spec) as stack, on_signals(stop := Stop()):
            typer.echo(f"ready at {stack.url}   logs: {place / 'logs'}")
            typer.echo(
                f"try: dsb run demo --nats {stack.url}   and: dsb ps --nats {stack.url}   (Ctrl-C ends it)"
            )
            asyncio.run(stop.wait())
        typer.echo("stopped")

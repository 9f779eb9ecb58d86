"""What `dsb memory ls` and `dsb memory rm` do: the store is reached through the memory service alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import typer

from bench.cli.looking import settings
from shared import subjects
from shared.bus import Bus
from shared.errors import ConfigError, NoResponders
from shared.messages import Forget, Forgotten, Holdings, HoldingsReply

__all__ = ["forget_run", "show_runs"]

R = TypeVar("R")
_WAIT_S = 60.0
"""A large store takes its time to count and to forget."""


def show_runs(nats: str, run: str, *, as_json: bool = False) -> None:
    """Print a line a run; raises `TransportError` or `ConfigError`."""
    found = _ask(
        nats, lambda bus: bus.request(subjects.MEM_LIST, Holdings(run=run), HoldingsReply, timeout=_WAIT_S)
    )
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    width = max((len(item.run) for item in found.runs), default=0)
    for item in found.runs:
        typer.echo(f"{item.run:<{width}}  {item.notes:,} notes")
    typer.echo(f"{len(found.runs)} runs, {found.notes:,} notes in all")


def forget_run(nats: str, run: str) -> None:
    """Remove a run's notes; raises `ConfigError` when there are none."""
    gone = _ask(
        nats, lambda bus: bus.request(subjects.MEM_FORGET, Forget(run=run), Forgotten, timeout=_WAIT_S)
    )
    if not gone.notes:
        raise ConfigError(f"run {run!r} has no notes: `dsb memory ls` shows who has")
    typer.echo(f"{gone.notes:,} notes of {run} are gone")


def _ask(nats: str, request: Callable[[Bus], Coroutine[Any, Any, R]]) -> R:
    async def ask() -> R:
        bus = await Bus.connect(settings(nats), name="dsb-memory")
        try:
            return await request(bus)
        except NoResponders as error:
            raise ConfigError(
                "no memory service answers at this broker: start one, or name another --nats"
            ) from error
        finally:
            await bus.drain()

    return asyncio.run(ask())

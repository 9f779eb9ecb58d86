"""What `dsb ps` does; like `dsb init` it runs wherever a service runs, without the bench's packages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import typer

from bench.run.overview import Overview, overview
from shared.bus import Bus
from shared.errors import TransportError
from shared.logs import setup
from shared.settings import BusSettings, load

__all__ = ["lines", "settings", "shortened", "show_overview", "with_bus"]

T = TypeVar("T")

_WIDTH = 80


def settings(nats: str) -> BusSettings:
    """How to reach the broker that the user named; what the client notes on the way is kept quiet."""
    setup("error", "console")
    return load(BusSettings, **({"nats_url": nats} if nats else {}))


def with_bus(nats: str, work: Callable[[Bus], Awaitable[T]]) -> T:
    """Run `work` on a connection of its own; what the user has no right to is told in one line."""

    async def run() -> T:
        how = settings(nats)
        bus = await Bus.connect(how, name="dsb-cli")
        try:
            return await work(bus)
        except TransportError as error:
            if "permissions violation" not in str(error).lower():
                raise
            raise TransportError(
                f"user {how.nats_user!r} has no right to this at the broker: log in as admin "
                "(DSB_NATS_USER, DSB_NATS_PASSWORD)"
            ) from error
        finally:
            await bus.drain()

    return asyncio.run(run())


def show_overview(nats: str, wait_s: float, *, as_json: bool) -> None:
    """Services, streams and the queue; exit code 1 when no service answers."""
    seen = with_bus(nats, lambda bus: overview(bus, wait_s=wait_s))
    if as_json:
        typer.echo(json.dumps(seen.plain(), indent=2))
    elif seen.workers:
        for line in lines(seen):
            typer.echo(line)
    else:
        typer.echo("no service answers: start the stack with `dsb up`")
    if not seen.workers:
        raise typer.Exit(1)


def lines(seen: Overview) -> list[str]:
    """An overview for people, in lines of at most 80 columns."""
    workers = [
        (
            one.service,
            one.name,
            one.version,
            "-" if one.slots is None else f"{one.used or 0}/{one.slots}",
            _about(one.about),
        )
        for one in seen.workers
    ]
    told = _table(("SERVICE", "WORKER", "VERSION", "USED", "ABOUT"), workers)
    if seen.streams:
        held = [
            (one.opening, one.reader or "-", one.owner or "-", str(one.owner_epoch or "-"))
            for one in seen.streams
        ]
        told += ["", *_table(("OPENING", "READER", "OWNER", "EPOCH"), held)]
    queue = seen.queue
    told += [
        "",
        f"S2 queue: {queue.waiting} waiting, {queue.in_work} in work, asked for by free workers: {queue.pulls}",
    ]
    if seen.dead_letters:
        told.append(f"dead letters: {seen.dead_letters} (dsb dlq list)")
    return told


def _about(about: dict[str, object]) -> str:
    shown = ("model", "openings", "store", "searches", "codec")
    return " ".join(f"{key}={about[key]}" for key in shown if about.get(key) not in (None, ""))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need, names shortened in the middle, so that a line fits a terminal."""
    fit = [
        [shortened(cell, 24) if at < len(row) - 1 else cell for at, cell in enumerate(row)] for row in rows
    ]
    widths = [max(len(row[at]) for row in [head, *fit]) for at in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *fit]
    ]
    return [shortened(line.rstrip(), _WIDTH, end=True) for line in lines]


def shortened(text: str, width: int, *, end: bool = False) -> str:
    """`text` in at most `width` characters: what is left out stands in the middle, or at the `end`."""
    if len(text) <= width:
        return text
    if end:
        return text[: width - 1] + "…"
    head = (width - 1) // 2
    return f"{text[:head]}…{text[-(width - 1 - head) :]}"

"""What `dsb ps` and `dsb dlq` do; like `dsb init` they run wherever a service runs, without the bench's packages."""

from __future__ import annotations

import asyncio
import json

import typer

from bench.run.letters import dead_letters
from shared.bus import Bus, ServiceInfo, discover
from shared.logs import setup
from shared.messages import DeadLetter
from shared.settings import BusSettings, load

__all__ = ["settings", "show_letters", "show_services"]


def settings(nats: str) -> BusSettings:
    """How to reach the broker that the user named; what the client notes on the way is kept quiet."""
    setup("error", "console")
    return load(BusSettings, **({"nats_url": nats} if nats else {}))


async def _services(bus_settings: BusSettings, wait_s: float) -> list[ServiceInfo]:
    bus = await Bus.connect(bus_settings, name="dsb-ps")
    try:
        return await discover(bus, wait_s=wait_s)
    finally:
        await bus.drain()


def show_services(nats: str, wait_s: float) -> None:
    """One line a worker."""
    found = asyncio.run(_services(settings(nats), wait_s))
    if not found:
        typer.echo("no service answers: start the stack with `dsb up`")
        raise typer.Exit(1)
    for info in sorted(found, key=lambda info: (info.service, info.name)):
        about = {**{k: v for k, v in info.metadata.items() if k != "worker"}, **info.stats}
        typer.echo(f"{info.service:<8}{info.name:<32}{'  '.join(f'{k}={v}' for k, v in about.items())}")


async def _letters(bus_settings: BusSettings) -> list[DeadLetter]:
    bus = await Bus.connect(bus_settings, name="dsb-dlq")
    try:
        return await dead_letters(bus)
    finally:
        await bus.drain()


def show_letters(nats: str) -> None:
    """One JSON line a letter."""
    for letter in asyncio.run(_letters(settings(nats))):
        typer.echo(json.dumps(letter.model_dump(mode="json"), ensure_ascii=False))

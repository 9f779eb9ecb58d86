"""What finds owners for openings outlives what it can't read and a broker that is not ready; else its process ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from bus_kit import connected, fresh_opening, until

from services.router.placement import Placement
from services.router.service import Service, Settings
from shared import subjects
from shared.bus import Bus, Meta
from shared.errors import TransportError
from shared.messages import Event, EventKind, Mode, Open, Place, PlaceReply, Profile
from shared.service import Runtime

pytestmark = pytest.mark.nats

NONSENSE = b"\xc1 no message"


def opened() -> Event:
    opening = fresh_opening()
    live = Open(opening=opening, run="r", uri="synth:", profile=Profile(mode=Mode.LIVE))
    return Event(opening=opening, kind=EventKind.OPENED, open=live)


@asynccontextmanager
async def placed(bus: Bus) -> AsyncIterator[list[str]]:
    """Be the S1 that is asked to adopt; what it was asked for."""
    asked: list[str] = []

    async def adopt(place: Place, meta: Meta) -> PlaceReply:
        asked.append(place.open.opening)
        return PlaceReply(accepted=False, reason="a test")

    places = await bus.serve(subjects.S1_PLACE, Place, adopt)
    yield asked
    await places.close()


@asynccontextmanager
async def placing(
    url: str, *, sweep_s: float = 3600
) -> AsyncIterator[tuple[Bus, list[str], list[asyncio.Task[None]]]]:
    """A placement that runs: its bus, what it asked for, its tasks."""
    async with (
        connected(url) as bus,
        placed(bus) as asked,
        Placement(bus, sweep_s=sweep_s, unread_close_s=3600).running() as tasks,
    ):
        yield bus, asked, tasks


@pytest.mark.parametrize("kind", [EventKind.OPENED, EventKind.CLOSED])
async def test_an_event_that_can_t_be_read_costs_no_other(nats_url: str, kind: EventKind) -> None:
    event = opened()
    strange = subjects.event(fresh_opening(), kind)
    async with placing(nats_url) as (bus, asked, tasks):
        await bus.connection.nc.publish(strange, NONSENSE)
        await bus.publish_event(event)
        await until(lambda: event.opening in asked)
        assert not any(task.done() for task in tasks)
        await bus.purge(subjects.EVENTS, strange)  # other tests read this broker's events as well
        await bus.publish_event(Event(opening=event.opening, kind=EventKind.CLOSED))


async def test_a_lease_that_can_t_be_read_costs_no_other(nats_url: str) -> None:
    strange, event = opened(), opened()
    async with placing(nats_url, sweep_s=0.1) as (bus, asked, tasks):
        await bus.connection.nc.publish(f"$KV.{subjects.OWNER_BUCKET}.{strange.opening}", NONSENSE)
        await bus.publish_event(strange)
        await bus.publish_event(event)
        await until(lambda: asked.count(event.opening) > 2)  # again with each sweep, since nobody adopts it
        assert not any(task.done() for task in tasks)
        assert strange.opening not in asked
        await bus.forget(subjects.OWNER_BUCKET, strange.opening)
        for one in (strange, event):
            await bus.publish_event(Event(opening=one.opening, kind=EventKind.CLOSED))


async def test_a_broker_that_is_not_ready_is_asked_again(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, follow, failed = opened(), Bus.follow, list[str]()

    def fails_once(self: Bus, stream: str, subject: str, **how: bool) -> object:
        if subject not in failed:
            failed.append(subject)
            raise TransportError("no stream yet")
        return follow(self, stream, subject, **how)

    async with connected(nats_url) as bus, placed(bus) as asked:
        with monkeypatch.context() as patched:
            patched.setattr(Bus, "follow", fails_once)
            async with Placement(bus, sweep_s=3600, unread_close_s=3600).running():
                await bus.publish_event(event)
                await until(lambda: event.opening in asked)
        await bus.publish_event(Event(opening=event.opening, kind=EventKind.CLOSED))


async def test_a_router_that_finds_no_more_owners_ends(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Placement) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Placement, "_sweep", broken)
    async with connected(nats_url) as bus:
        router = Service(Settings(nats_url=nats_url)).run(Runtime(bus, "router", asyncio.Event()))
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(router, 20)

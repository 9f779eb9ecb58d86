"""A stream is added whole or not at all, whoever adds one of its name, gives up or is slow at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from bus_kit import connected, fresh_opening
from structlog.testing import capture_logs

from bench.streams import Known, add, adding
from bench.streams.known import known
from shared import subjects
from shared.bus import Bus, Meta, ServiceInfo, Subscription
from shared.errors import ConfigError, Overloaded
from shared.messages import Event, EventKind, Mode, Open, OpenReply, Profile

pytestmark = pytest.mark.nats

LIVE = Profile(mode=Mode.LIVE)


class Reader:
    """Takes every stream and says that it plays; its owner is there as well unless `owned` is false."""

    def __init__(self, bus: Bus, *, owned: bool = True) -> None:
        self.bus, self.owned = bus, owned
        self.meanwhile: Callable[[Open], Any] = lambda opened: asyncio.sleep(0)
        """Awaited between the taking and the reply."""

    async def serve(self) -> Subscription:
        return await self.bus.serve(subjects.reader_ctl("open"), Open, self._take)

    async def say(self, opened: Open, *kinds: EventKind) -> None:
        for kind in kinds:
            told = opened if kind is EventKind.OPENED else None
            await self.bus.publish_event(Event(opening=opened.opening, kind=kind, open=told))

    async def _take(self, opened: Open, meta: Meta) -> OpenReply:
        await self.meanwhile(opened)
        await self.say(opened, EventKind.OPENED, EventKind.STARTED)
        if self.owned:
            await self.say(opened, EventKind.OWNER)
        return OpenReply(accepted=True, reader="r")


@asynccontextmanager
async def reading(url: str, **how: bool) -> AsyncIterator[tuple[Bus, Reader, str]]:
    """A bus, its reader, and a name that no other test has; what was added is taken away."""
    name = f"t{uuid4().hex[:8]}"
    async with connected(url) as bus:
        reader = Reader(bus, **how)
        serving = await reader.serve()
        yield bus, reader, name
        await serving.close()
        for stream in await named(bus, name):
            await bus.publish_event(Event(opening=stream.opened.opening, kind=EventKind.CLOSED))


async def named(bus: Bus, name: str) -> list[Known]:
    return [stream for stream in await known(bus) if stream.name == name]


@pytest.mark.parametrize("slow", ["older", "newer"])
async def test_of_two_that_are_added_at_once_under_one_name_one_stays(nats_url: str, slow: str) -> None:
    async with reading(nats_url) as (bus, reader, name):
        asked: list[str] = []

        async def hold(opened: Open) -> None:
            """Until both have been let in, then one before the other."""
            asked.append(opened.uri)
            while len(asked) < 2:
                await asyncio.sleep(0.01)
            if opened.uri == slow:
                await asyncio.sleep(0.5)

        async def adds(uri: str, after_s: float) -> Known | ConfigError:
            await asyncio.sleep(after_s)
            try:
                return await add(bus, uri, name=name, profile=LIVE, wait_s=20)
            except ConfigError as error:
                return error

        reader.meanwhile = hold
        said = await asyncio.gather(adds("older", 0.0), adds("newer", 0.02))
        told = dict(zip(("older", "newer"), said, strict=True))
        quick = "newer" if slow == "older" else "older"
        assert isinstance(told[quick], Known)
        assert f"there is a stream {name!r} ({quick})" in str(told[slow])
        assert [stream.opened.uri for stream in await named(bus, name)] == [quick]


async def test_who_gives_up_just_as_a_reader_takes_it_leaves_nothing_open(nats_url: str) -> None:
    async with reading(nats_url) as (bus, reader, name):
        adding_it = asyncio.create_task(add(bus, "uri", name=name, profile=LIVE, wait_s=20))

        async def give_up(opened: Open) -> None:
            await reader.say(opened, EventKind.OPENED)
            adding_it.cancel()
            await asyncio.wait([adding_it])

        reader.meanwhile = give_up
        with pytest.raises(asyncio.CancelledError):
            await adding_it
        assert await named(bus, name) == []


def worker(*, slots: int) -> ServiceInfo:
    return ServiceInfo("s1", "a", "s1-a", "1", {}, {"slots": slots, "owned": []})


@pytest.mark.parametrize("late", [[], [worker(slots=0)]])
async def test_an_s1_that_does_not_tell_of_itself_in_time_is_asked_again(
    nats_url: str, late: list[ServiceInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(nats_url, owned=False) as (bus, _, name):
        found = [late, [worker(slots=1)], late, late]

        async def discover(bus: Bus) -> list[ServiceInfo]:
            return found.pop(0)

        monkeypatch.setattr(adding, "discover", discover)
        monkeypatch.setattr(adding, "_OWNER_S", 0.0)
        with pytest.raises(Overloaded):
            await add(bus, "uri", name=name, profile=LIVE, wait_s=20)
        assert found == []


async def test_a_stream_that_plays_and_that_nobody_takes_is_no_fault_of_its_source(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def discover(bus: Bus) -> list[ServiceInfo]:
        return [worker(slots=1)]

    monkeypatch.setattr(adding, "discover", discover)
    async with reading(nats_url, owned=False) as (bus, _, name):
        with pytest.raises(Overloaded, match=r"no S1 worker took the stream within 1 s .* does a router run"):
            await add(bus, "uri", name=name, profile=LIVE, wait_s=1)
        assert await named(bus, name) == []


async def test_an_event_that_can_t_be_read_hides_no_other_stream(nats_url: str) -> None:
    async with reading(nats_url) as (bus, _, name):
        strange = subjects.event(fresh_opening(), EventKind.OPENED)
        await bus.connection.nc.publish(strange, b"nonsense")
        await add(bus, "uri", name=name, profile=LIVE, wait_s=20)
        with capture_logs() as logs:
            there = await named(bus, name)
        await bus.purge(subjects.EVENTS, strange)  # other tests read this broker's events as well
        assert [stream.opened.uri for stream in there] == ["uri"]
        assert [line["subject"] for line in logs] == [strange]

"""Readers for tests: in this process, or as processes that can be killed and paused; and a bench that grants."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from services.reader.service import Service
from services.reader.settings import ReaderSettings
from shared import subjects
from shared.bus import Bus, FrameLog, FrameRecord
from shared.errors import BusTimeout, NoResponders
from shared.messages import Credit, Event, EventKind, Grant, Mode, Open, OpenReply, Profile, VideoSpec
from shared.service import host
from shared.settings import BusSettings
from shared.video import Frame, frames

T = TypeVar("T")

TTL = 2.0


def opening(
    uri: object, *, credit: int = 64, fps: float = 5, mode: Mode = Mode.CAPACITY, **profile: object
) -> Open:
    """An opening of its own."""
    made = Profile(mode=mode, video=VideoSpec(fps=fps), credit=credit, **profile)  # type: ignore[arg-type]
    return Open(opening=f"t{uuid.uuid4().hex[:12]}_0_0", run="test", uri=str(uri), profile=made)


def direct(opened: Open) -> list[Frame]:
    """The frames of the opening's source, read without any service."""
    return list(frames(opened.uri, opened.profile.video))


def frames_of(records: list[FrameRecord]) -> list[Frame]:
    """The frames of a log."""
    return [Frame(r.index, r.t, r.jpeg) for r in records if r.kind == "frame"]


@asynccontextmanager
async def reader(url: str, name: str = "", **settings: object) -> AsyncIterator[asyncio.Event]:
    """A reader in this process; set the event it yields to stop it gracefully."""
    made = ReaderSettings(nats_url=url, lease_ttl_s=TTL, name=name, **settings)  # type: ignore[arg-type]
    stop = asyncio.Event()
    task = asyncio.create_task(host(Service(made), made, stop=stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 90)


class ReaderProcess:
    """A reader as a process of its own; `failpoints` as in DSB_FAILPOINTS."""

    def __init__(self, url: str, name: str, *, failpoints: str = "", **settings: object) -> None:
        env = {f"DSB_{key.upper()}": str(value) for key, value in settings.items()}
        env |= {
            "DSB_NATS_URL": url,
            "DSB_NAME": name,
            "DSB_LEASE_TTL_S": str(TTL),
            "DSB_FAILPOINTS": failpoints,
        }
        root = Path(__file__).resolve().parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from shared.service import main; raise SystemExit(main('reader'))"],
            env={**os.environ, **env, "PYTHONPATH": str(root)},
            cwd=root,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> ReaderProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)


class Player:
    """What the bench and an S1 owner do for one opening."""

    def __init__(self, bus: Bus, opened: Open) -> None:
        self.bus, self.opened = bus, opened
        self._log = FrameLog(bus, opened.opening, live=opened.profile.live)

    async def open(self, *, within_s: float = 90) -> OpenReply:
        """Ask until a reader accepts."""
        deadline = time.monotonic() + within_s
        while True:
            # The holder, if there is one, then any reader with a free slot.
            for verb in (f"open.{self.opened.opening}", "open"):
                with contextlib.suppress(NoResponders, BusTimeout):
                    subject = subjects.reader_ctl(verb)
                    reply = await self.bus.request(subject, self.opened, OpenReply, timeout=1)
                    if reply.accepted:
                        return reply
            assert time.monotonic() < deadline, "no reader accepted"
            await asyncio.sleep(0.05)

    async def grant(self, t: float) -> None:
        await self.bus.publish(subjects.grant(self.opened.opening), Grant(opening=self.opened.opening, t=t))

    async def credit(self, index: int) -> None:
        message = Credit(opening=self.opened.opening, index=index)
        await self.bus.publish(subjects.credit(self.opened.opening), message)

    async def close(self) -> None:
        await self.bus.publish_event(Event(opening=self.opened.opening, kind=EventKind.CLOSED))

    async def reach(self, t: float, *, consume: bool = True, within_s: float = 90) -> list[FrameRecord]:
        """Grant `t`, and consume, until its watermark stands in the log; the log."""

        async def look() -> list[FrameRecord] | None:
            await self.open()
            await self.grant(t)
            records = await self.records()
            indices = [r.index for r in records if r.kind == "frame"]
            if consume and indices:
                await self.credit(indices[-1])
            return records if any(r.kind == "watermark" and r.t >= t for r in records) else None

        return await until(look, within_s=within_s)

    async def records(self) -> list[FrameRecord]:
        """The whole log as it is now, with bodies."""
        index = await FrameLog(self.bus, self.opened.opening, live=self.opened.profile.live).index()
        fetched = [await self._log.fetch(record.seq) for record in index]
        return [record for record in fetched if record is not None]

    async def events(self, kind: EventKind) -> list[Event]:
        """Events of a kind up to now."""
        subject = subjects.event(self.opened.opening, kind)
        async with aclosing(self.bus.follow(subjects.EVENTS, subject, stop_at_end=True)) as stored:
            return [Event.from_bytes(message.body) async for message in stored]


async def until(look: Callable[[], Awaitable[T | None]], *, within_s: float = 90) -> T:
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + within_s
    while not (got := await look()):
        assert time.monotonic() < deadline, f"nothing within {within_s} s"
        await asyncio.sleep(0.05)
    return got


@asynccontextmanager
async def player(url: str, opened: Open) -> AsyncIterator[Player]:
    """A player with a connection of its own; closes the opening in the end."""
    bus = await Bus.connect(BusSettings(nats_url=url, lease_ttl_s=TTL), name="test")
    made = Player(bus, opened)
    try:
        yield made
    finally:
        await made.close()
        await bus.drain()

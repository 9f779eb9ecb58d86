"""S1's notes and a memory that is away: nothing waits for ever, and nothing that was written is lost."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from memory_kit import note
from metrics_kit import growth

import services.s1.notes
from services.s1.notes import NoteWriter
from shared import subjects
from shared.bus import Bus, Meta
from shared.errors import TransportError
from shared.messages import Done, Holdings, Message, Note, Upsert
from shared.settings import BusSettings

pytestmark = pytest.mark.nats

OPENINGS = (f"writer_{n}" for n in itertools.count())


class Memory:
    """Takes notes, or answers as it is told."""

    def __init__(self, reply: Callable[[], Message] = Done) -> None:
        self.reply, self.notes = reply, list[Note]()

    async def take(self, request: Upsert, meta: Meta) -> Message:
        reply = self.reply()
        if isinstance(reply, Done):
            self.notes += request.notes
        return reply


@asynccontextmanager
async def buses(url: str) -> AsyncIterator[tuple[Bus, Bus]]:
    made = [await Bus.connect(BusSettings(nats_url=url), name=name) for name in ("s1", "memory")]
    try:
        yield made[0], made[1]
    finally:
        for bus in made:
            await bus.drain()


def writer(bus: Bus, *, held: bool = True) -> NoteWriter:
    return NoteWriter(bus, within_s=0.1, held=lambda: held)


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.s1.notes, "_REST_S", 0.0)


def some(count: int) -> list[Note]:
    opening = next(OPENINGS)
    return [note(seq, opening=opening) for seq in range(count)]


@pytest.mark.parametrize("reply", [None, Holdings], ids=["nobody", "nonsense"])
def test_notes_that_memory_does_not_take_are_sent_when_it_is_back(nats_url: str, reply: Any) -> None:
    async def run() -> None:
        waiting, stored = (growth("dsb_s1_notes_total", outcome=outcome) for outcome in ("waiting", "stored"))
        async with buses(nats_url) as (s1, other):
            memory, writing, notes = Memory(reply or Done), writer(s1), some(5)
            if reply is not None:
                serving = await other.serve(subjects.MEM_UPSERT, Upsert, memory.take, queue="memory")
            for one in notes[:3]:
                await writing.write([one])
            assert memory.notes == []
            memory.reply = Done
            if reply is None:
                serving = await other.serve(subjects.MEM_UPSERT, Upsert, memory.take, queue="memory")
            await writing.write(notes[3:])
            assert memory.notes == notes
            assert (waiting(), stored()) == (3, 5)
            await serving.close()

    asyncio.run(run())


def test_whoever_has_lost_the_lease_stops(nats_url: str) -> None:
    async def run() -> None:
        async with buses(nats_url) as (s1, _):
            with pytest.raises(TransportError):
                await writer(s1, held=False).write(some(1))

    asyncio.run(run())


def test_of_many_notes_that_wait_the_newest_are_kept(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.s1.notes, "_KEPT", 4)

    async def run() -> None:
        async with buses(nats_url) as (s1, other):
            memory, writing, notes = Memory(), writer(s1), some(7)
            for one in notes[:6]:
                await writing.write([one])
            serving = await other.serve(subjects.MEM_UPSERT, Upsert, memory.take, queue="memory")
            await writing.write(notes[6:])
            assert memory.notes == notes[3:]
            await serving.close()

    asyncio.run(run())

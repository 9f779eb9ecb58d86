"""What the broker can be made to say for somebody: it asks no right to where an answer goes or a consumer delivers.

So who may read a stream may have its contents said on any subject of the account. Receivers refuse such messages.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from bus_kit import answer, fresh_opening, job
from trusted_broker import TrustedBroker

from shared import subjects
from shared.bus import Bus, Meta, discover, init_topology
from shared.messages import Credit, Done, Message

pytestmark = pytest.mark.nats


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedBroker]:
    broker = TrustedBroker(tmp_path_factory.mktemp("nats")).start()
    asyncio.run(init_topology(broker.settings("admin")))
    yield broker
    broker.kill()


class Intruder:
    """A reader in strange hands: it stores what it likes as a frame, and has the broker say it elsewhere."""

    def __init__(self, bus: Bus, opening: str) -> None:
        self._nc, self._frame = bus.connection.nc, subjects.frames(opening, live=False)
        self._bus = bus

    async def store(self, message: Message) -> None:
        await self._bus.append(self._frame, message.to_bytes(), headers={})

    async def answer_to(self, subject: str) -> None:
        """Ask for the stored frame, with the answer to go to a subject that is not the reader's."""
        get = f"$JS.API.DIRECT.GET.{subjects.FRAMES_CAP}.{self._frame}"
        await self._nc.publish(get, b"", reply=subject)
        await self._bus.connection.flush()

    async def deliver_to(self, subject: str) -> None:
        """Make a consumer that delivers the frames to a subject that is not the reader's."""
        config = {
            "name": "c",
            "deliver_subject": subject,
            "filter_subject": self._frame,
            "ack_policy": "none",
        }
        body = {"stream_name": subjects.FRAMES_CAP, "config": {**config, "inactive_threshold": 10**9}}
        answered = await self._bus.connection.request(
            f"$JS.API.CONSUMER.CREATE.{subjects.FRAMES_CAP}.c.{self._frame}", json.dumps(body).encode()
        )
        assert "error" not in json.loads(answered.data)


async def connect(trusted: TrustedBroker, user: str) -> Bus:
    return await Bus.connect(trusted.settings(user), name=user)


async def test_a_reader_makes_no_answer_that_the_bench_takes(trusted: TrustedBroker) -> None:
    opening = fresh_opening()
    reader, s1, bench = [await connect(trusted, user) for user in ("reader", "s1", "bench")]
    forged, true = answer(opening, worker="reader", key="k1"), answer(opening, worker="s1", key="k2")
    intruder = Intruder(reader, opening)
    await intruder.store(forged)
    where = subjects.answer(opening, "k1", "s1", "final")
    await intruder.answer_to(where)
    assert await s1.last(subjects.ANSWERS, where), "the broker refuses this by itself now: the check can go"
    assert await s1.publish_answer(true)
    async with aclosing(
        bench.follow(subjects.ANSWERS, subjects.answers(opening), stop_at_end=True)
    ) as stored:
        assert [one.body async for one in stored] == [true.to_bytes()]
    for bus in (reader, s1, bench):
        await bus.drain()


@pytest.mark.parametrize("way", ["answer_to", "deliver_to"])
async def test_a_reader_says_nothing_to_memory_or_to_its_fellows(trusted: TrustedBroker, way: str) -> None:
    opening = fresh_opening()
    reader, memory, s1 = [await connect(trusted, user) for user in ("reader", "memory", "s1")]
    heard: list[Any] = []

    async def upsert(message: Done, meta: Meta) -> Done:
        heard.append(message)
        return message

    serving = await memory.serve(subjects.MEM_UPSERT, Done, upsert, queue="memory")
    intruder = Intruder(reader, opening)
    await intruder.store(Done())
    await getattr(intruder, way)(subjects.MEM_UPSERT)
    # What comes by a right is heard behind it, on the same subscription.
    assert (await s1.request(subjects.MEM_UPSERT, Done(), Done)).ok
    await asyncio.sleep(0.3)
    assert len(heard) == 1
    await serving.close()
    for bus in (reader, memory, s1):
        await bus.drain()


async def test_a_listener_takes_no_credit_from_the_broker(trusted: TrustedBroker) -> None:
    opening = fresh_opening()
    reader, s1 = [await connect(trusted, user) for user in ("reader", "s1")]
    heard: asyncio.Queue[Credit] = asyncio.Queue()

    async def hear(message: Credit, meta: Meta) -> None:
        heard.put_nowait(message)

    listening = await reader.listen(subjects.credit(opening), Credit, hear)
    intruder = Intruder(reader, opening)
    await intruder.store(Credit(opening=opening, index=99))
    await intruder.answer_to(subjects.credit(opening))
    await s1.publish(subjects.credit(opening), Credit(opening=opening, index=1))
    assert (await asyncio.wait_for(heard.get(), 10)).index == 1
    await listening.close()
    for bus in (reader, s1):
        await bus.drain()


async def test_a_reader_queues_no_job(trusted: TrustedBroker) -> None:
    opening = fresh_opening()
    reader, s2 = [await connect(trusted, user) for user in ("reader", "s2")]
    intruder = Intruder(reader, opening)
    await intruder.store(job(opening))
    await intruder.answer_to(subjects.s2_job(opening))
    async with aclosing(s2.jobs(slots=lambda: 1)) as jobs:
        found = await asyncio.wait_for(anext(jobs), 20)
        assert found.body is None
        assert subjects.FRAMES_CAP in found.error
        await found.term()
    for bus in (reader, s2):
        await bus.drain()


async def test_a_service_answers_to_inboxes_alone(trusted: TrustedBroker) -> None:
    """Its right to answer whom it was asked by is no right to speak for whom the question names."""
    opening = fresh_opening()
    s1, memory, bench = [await connect(trusted, user) for user in ("s1", "memory", "bench")]

    async def upsert(message: Done, meta: Meta) -> Done:
        return message

    serving = await memory.serve(subjects.MEM_UPSERT, Done, upsert, queue="memory")
    where = subjects.answer(opening, "k", "s2", "final")
    await s1.connection.publish(subjects.MEM_UPSERT, Done().to_bytes(), reply=where)
    assert (await s1.request(subjects.MEM_UPSERT, Done(), Done)).ok
    assert await s1.last(subjects.ANSWERS, where) is None
    await serving.close()
    for bus in (s1, memory, bench):
        await bus.drain()


async def test_discovery_is_told_to_inboxes_alone(trusted: TrustedBroker) -> None:
    s1, memory, bench = [await connect(trusted, user) for user in ("s1", "memory", "bench")]
    await memory.announce("memory", version="1", metadata={"worker": "memory-a"}, stats=dict)
    where = subjects.answer(fresh_opening(), "k", "s2", "final")
    await bench.connection.publish("$SRV.STATS", b"", reply=where)
    assert [one.name for one in await discover(bench)] == ["memory-a"]
    assert await s1.last(subjects.ANSWERS, where) is None
    for bus in (s1, memory, bench):
        await bus.drain()


async def test_no_relayed_message_reaches_the_brokers_own_interface(trusted: TrustedBroker) -> None:
    opening = fresh_opening()
    reader, admin = [await connect(trusted, user) for user in ("reader", "admin")]
    intruder = Intruder(reader, opening)
    await intruder.store(Done())
    await intruder.answer_to(f"$JS.API.STREAM.DELETE.{subjects.DLQ}")
    await intruder.deliver_to(f"$JS.API.STREAM.DELETE.{subjects.DLQ}")
    await asyncio.sleep(0.3)
    assert await admin.count(subjects.DLQ) == 0
    for bus in (reader, admin):
        await bus.drain()

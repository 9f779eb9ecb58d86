"""The broker's configuration: each user can do its work over the bus, a piece at a time.

What nobody may do is in test_permissions.py, the whole flow at once in test_permissions_flow.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from trusted_broker import TrustedBroker

from shared import subjects
from shared.bus import Bus, FrameLog, Meta, discover, init_topology
from shared.errors import NoResponders, TransportError
from shared.messages import (
    Answer,
    Credit,
    DeadLetter,
    Done,
    Event,
    EventKind,
    Grant,
    Open,
    OpenReply,
    Place,
    PlaceReply,
    Profile,
    Question,
    RouteStamp,
    S1Ask,
    S2Job,
    Search,
    SearchReply,
)
from shared.messages import (
    Path as Way,
)

pytestmark = pytest.mark.nats

OPEN = Open(opening="run_0_0", run="run", uri="synth:", profile=Profile())
QUESTION = Question(opening="run_0_0", key="k1", sample="s", t_ask=1.0, text="?")
STAMP = RouteStamp(route="both")


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedBroker]:
    broker = TrustedBroker(tmp_path_factory.mktemp("nats")).start()
    asyncio.run(init_topology(broker.settings("admin", lease_ttl_s=6)))
    yield broker
    broker.kill()


@asynccontextmanager
async def buses(trusted: TrustedBroker, *users: str) -> AsyncIterator[list[Bus]]:
    connected = [
        await Bus.connect(trusted.settings(user, lease_ttl_s=6, request_timeout_s=2), name=user)
        for user in users
    ]
    try:
        yield connected
        # A refusal is told apart from the call that met it; a flow-control reply, say, would just stall.
        assert [bus.connection._last_error for bus in connected if bus.connection._last_error] == []
    finally:
        for bus in connected:
            await bus.drain()


def answer(path: Way, key: str) -> Answer:
    return Answer(opening="run_0_0", key=key, path=path, t_ask=1.0, route=STAMP)


async def test_a_reader_leases_logs_reports_and_listens(trusted: TrustedBroker) -> None:
    async with buses(trusted, "reader", "bench", "s1") as (reader, bench, s1):
        heard: asyncio.Queue[Any] = asyncio.Queue()

        async def opened(message: Open, meta: Meta) -> OpenReply:
            return OpenReply(accepted=True, reader="r")

        async def hear(message: Grant | Credit | Event, meta: Meta) -> None:
            heard.put_nowait(message)

        await reader.serve(subjects.reader_ctl("open"), Open, opened, queue="reader")
        await reader.serve(subjects.reader_ctl(f"open.{OPEN.opening}"), Open, opened)
        await reader.listen(subjects.grant(OPEN.opening), Grant, hear)
        await reader.listen(subjects.credit(OPEN.opening), Credit, hear)
        await reader.listen(subjects.event(OPEN.opening, EventKind.CLOSED), Event, hear)
        assert (await bench.request(subjects.reader_ctl("open"), OPEN, OpenReply)).accepted
        assert (await reader.request(subjects.reader_ctl(f"open.{OPEN.opening}"), OPEN, OpenReply)).accepted
        await bench.publish(subjects.grant(OPEN.opening), Grant(opening=OPEN.opening, t=1.0))
        await s1.publish(subjects.credit(OPEN.opening), Credit(opening=OPEN.opening, index=0))
        await bench.publish_event(Event(opening=OPEN.opening, kind=EventKind.CLOSED))
        assert {type(await asyncio.wait_for(heard.get(), 5)) for _ in range(3)} == {Grant, Credit, Event}

        lease = reader.lease(subjects.READER_BUCKET, OPEN.opening, holder="r", ttl=6)
        assert await lease.take()
        assert await reader.lease_holder(subjects.READER_BUCKET, OPEN.opening)
        for live in (True, False):
            log = FrameLog(reader, OPEN.opening, live=live)
            assert await log.resume() is None
            seq = await log.append("frame", index=0, t=0.0, jpeg=b"x", epoch=lease.epoch)
            assert [record.seq for record in await log.index()] == [seq]
        await log.purge_below(seq)
        await reader.publish_event(Event(opening=OPEN.opening, kind=EventKind.STARTED))
        assert await reader.last(subjects.EVENTS, subjects.event(OPEN.opening, EventKind.STARTED))
        await lease.release()


async def test_a_router_follows_openings_watches_owners_places_and_queues(trusted: TrustedBroker) -> None:
    async with buses(trusted, "router", "s1", "bench", "reader") as (router, s1, bench, reader):

        async def adopt(place: Place, meta: Meta) -> PlaceReply:
            return PlaceReply(accepted=True, owner="w")

        await s1.serve(subjects.S1_PLACE, Place, adopt, queue="s1")
        assert (await router.request(subjects.S1_PLACE, Place(open=OPEN), PlaceReply)).accepted
        lease = s1.lease(subjects.OWNER_BUCKET, OPEN.opening, holder="w", ttl=6)
        assert await lease.take()
        async with aclosing(router.watch_leases(subjects.OWNER_BUCKET)) as changes:
            change = await asyncio.wait_for(anext(changes), 5)
        assert change.info is not None
        assert await router.lease_holder(subjects.OWNER_BUCKET, OPEN.opening)
        await lease.release()

        await reader.publish_event(Event(opening=OPEN.opening, kind=EventKind.OPENED, open=OPEN))
        every = subjects.event("*", EventKind.OPENED)
        async with aclosing(router.follow(subjects.EVENTS, every, last_per_subject=True)) as events:
            assert Event.from_bytes((await asyncio.wait_for(anext(events), 5)).body).open == OPEN
        with pytest.raises(NoResponders):
            await router.request(subjects.s1("nobody_0_0"), Done(), Done)
        assert await router.enqueue(S2Job(question=QUESTION, profile=Profile(), route=STAMP, attempt=7))
        assert await router.publish_answer(answer(Way.S1, "refused"))
        assert await router.publish_answer(answer(Way.S2, "refused"))
        await router.announce("router", version="1.0.0", metadata={"worker": "w"}, stats=dict)
        assert [found.service for found in await discover(bench)] == ["router"]


async def test_an_s1_worker_counts_follows_answers_and_notes(trusted: TrustedBroker) -> None:
    async with buses(trusted, "s1", "reader", "memory") as (s1, reader, memory):

        async def store(message: Done, meta: Meta) -> Done:
            return message

        await memory.serve(subjects.MEM_UPSERT, Done, store, queue="memory")
        assert (await s1.request(subjects.MEM_UPSERT, Done(), Done)).ok
        assert await s1.bump(subjects.STANDING_BUCKET, "run_1_0.k1") == 1
        for live in (True, False):
            await FrameLog(reader, "run_1_0", live=live).append("frame", index=0, t=0.0, jpeg=b"x")
            async with aclosing(FrameLog(s1, "run_1_0", live=live).follow()) as records:
                assert (await asyncio.wait_for(anext(records), 5)).jpeg == b"x"
        assert await s1.publish_answer(answer(Way.S1, "k1"))
        assert await s1.answered("run_0_0", "k1", Way.S1)
        ask = S1Ask(question=QUESTION, route=STAMP)
        where = subjects.standing("run_1_0")
        assert await s1.keep(subjects.STANDING_BUCKET, f"{where}.k1", ask)
        assert not await s1.keep(subjects.STANDING_BUCKET, f"{where}.k1", ask)
        assert await s1.kept(subjects.STANDING_BUCKET, where, S1Ask) == [ask]
        assert await s1.enqueue(S2Job(question=QUESTION, profile=Profile(), route=STAMP, attempt=8, tick=3))
        assert await s1.last(subjects.EVENTS, subjects.event("run_1_0", EventKind.CLOSED)) is None
        await s1.dead_letter(DeadLetter(service="s1", reason="poison"))


async def test_an_s2_worker_pulls_reads_searches_answers_and_acknowledges(trusted: TrustedBroker) -> None:
    async with buses(trusted, "s2", "router", "reader", "memory") as (s2, router, reader, memory):

        async def find(search: Search, meta: Meta) -> SearchReply:
            return SearchReply()

        await memory.serve(subjects.MEM_SEARCH, Search, find, queue="memory")
        await FrameLog(reader, "run_2_0", live=False).append("frame", index=0, t=0.0, jpeg=b"x")
        await router.enqueue(S2Job(question=QUESTION, profile=Profile(), route=STAMP))
        async with aclosing(s2.jobs(slots=lambda: 1)) as jobs:
            job = await asyncio.wait_for(anext(jobs), 5)
            await job.progress()
            log = FrameLog(s2, "run_2_0", live=False)
            record = await log.fetch((await log.index())[0].seq)
            assert record is not None
            assert record.jpeg == b"x"
            search = Search(opening="run_2_0", text="?", t_max=1.0)
            assert await s2.request(subjects.MEM_SEARCH, search, SearchReply) == SearchReply()
            assert await s2.publish_answer(answer(Way.S2, "k1"))
            assert await s2.answered("run_0_0", "k1", Way.S2)
            await job.ack()
        await s2.dead_letter(DeadLetter(service="s2", reason="poison"))


async def test_the_bench_collects_events_and_answers(trusted: TrustedBroker) -> None:
    async with buses(trusted, "bench", "s1") as (bench, s1):
        await s1.publish_event(Event(opening="run_3_0", kind=EventKind.WATERMARK, t=1.0))
        await s1.publish_answer(answer(Way.S1, "k3"))
        async with aclosing(bench.follow(subjects.EVENTS, subjects.event("run_3_0", "*"))) as events:
            assert await asyncio.wait_for(anext(events), 5)
        async with aclosing(bench.follow(subjects.ANSWERS, subjects.answers("run_0_0"))) as answers:
            assert await asyncio.wait_for(anext(answers), 5)


async def test_the_bench_plants_lists_and_removes_notes(trusted: TrustedBroker) -> None:
    async with buses(trusted, "bench", "memory") as (bench, memory):

        async def take(request: Done, meta: Meta) -> Done:
            return Done()

        for subject in (subjects.MEM_UPSERT, subjects.MEM_LIST, subjects.MEM_FORGET):
            await memory.serve(subject, Done, take, queue="memory")
            assert (await bench.request(subject, Done(), Done)).ok


async def test_the_bench_reads_dead_letters(trusted: TrustedBroker) -> None:
    async with buses(trusted, "bench", "s2") as (bench, s2):
        await s2.dead_letter(DeadLetter(service="s2", reason="test"))
        async with aclosing(bench.follow(subjects.DLQ, subjects.dlq("*"))) as letters:
            assert await asyncio.wait_for(anext(letters), 5)


async def test_who_has_no_password_is_told_in_one_line(trusted: TrustedBroker) -> None:
    wrong = trusted.settings("s1", nats_password=trusted.env["NATS_PW_S2"])
    with pytest.raises(TransportError, match="refused user 's1': check DSB_NATS_USER"):
        await Bus.connect(wrong, name="wrong")

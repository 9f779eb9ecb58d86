from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from bus_kit import connected, fresh_opening

from shared.bus import Bus, FrameLog, FrameRecord
from shared.errors import BusTimeout, Conflict, Overloaded

pytestmark = pytest.mark.nats


async def _filled(bus: Bus, count: int, *, opening: str = "", live: bool = False) -> FrameLog:
    log = FrameLog(bus, opening or fresh_opening(), live=live)
    for index in range(count):
        await log.append("frame", index=index, t=index / 2, jpeg=b"j%d" % index)
    return log


async def _read(log: FrameLog, count: int, start_seq: int | None = None) -> list[FrameRecord]:
    found: list[FrameRecord] = []
    async with aclosing(log.follow(start_seq)) as records:
        async for record in records:
            found.append(record)
            if len(found) == count:
                break
    return found


async def test_records_come_back_as_written_in_order(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        log = await _filled(bus, 3)
        await log.append("watermark", index=2, t=1.25)
        await log.append("eos", index=2, t=1.333333, epoch=7)
        found = await _read(log, 5)
    assert [(r.kind, r.index, r.t, r.jpeg) for r in found] == [
        ("frame", 0, 0.0, b"j0"),
        ("frame", 1, 0.5, b"j1"),
        ("frame", 2, 1.0, b"j2"),
        ("watermark", 2, 1.25, b""),
        ("eos", 2, 1.333333, b""),
    ]
    assert found[-1].epoch == 7


async def test_a_log_can_be_followed_from_a_sequence(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        log = await _filled(bus, 4)
        third = (await log.index())[2]
        assert [r.index for r in await _read(log, 2, third.seq)] == [2, 3]


async def test_the_index_lists_headers_and_grows(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        log = await _filled(bus, 3)
        reader = FrameLog(bus, log.subject.rpartition(".")[2], live=False)
        assert [(r.index, r.jpeg) for r in await reader.index()] == [(0, b""), (1, b""), (2, b"")]
        await log.append("frame", index=3, t=2.0, jpeg=b"j3")
        assert [r.index for r in await reader.index()] == [0, 1, 2, 3]


async def test_the_index_of_a_live_log_does_not_grow_for_ever(nats_url: str) -> None:
    opening = fresh_opening()
    async with connected(nats_url, frames_max_per_stream=16, frames_live_max_age_s=0.5) as bus:
        log = await _filled(bus, 20, opening=opening, live=True)
        reader = FrameLog(bus, opening, live=True)
        first = [r.index for r in await reader.index()]
        assert first == list(range(20))[-len(first) :]
        assert len(first) <= 16
        await asyncio.sleep(0.6)
        await log.append("frame", index=20, t=10.0, jpeg=b"j20")
        assert [r.index for r in await reader.index()] == [20]
        await log.append("frame", index=21, t=10.5, jpeg=b"j21")
        assert [r.index for r in await reader.index()] == [20, 21]


async def test_the_index_of_an_empty_log_is_empty(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        assert await FrameLog(bus, fresh_opening(), live=False).index() == []


async def test_one_record_is_fetched_with_its_body(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        log = await _filled(bus, 2)
        record = await log.fetch((await log.index())[1].seq)
    assert record is not None
    assert record.jpeg == b"j1"


async def test_a_record_of_another_opening_is_not_fetched(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        seq = (await (await _filled(bus, 1)).index())[0].seq
        assert await FrameLog(bus, fresh_opening(), live=False).fetch(seq) is None


async def test_of_two_writers_the_one_that_did_not_see_the_last_record_is_refused(nats_url: str) -> None:
    opening = fresh_opening()
    async with connected(nats_url) as bus:
        old = await _filled(bus, 2, opening=opening)
        successor = FrameLog(bus, opening, live=False)
        last = await successor.resume()
        assert last is not None
        assert last.index == 1
        await successor.append("frame", index=2, t=1.0, jpeg=b"new")
        with pytest.raises(Conflict, match="another reader wrote"):
            await old.append("frame", index=2, t=1.0, jpeg=b"new")
        with pytest.raises(Conflict):
            await old.append("frame", index=3, t=1.5, jpeg=b"late")
        assert [r.index for r in await successor.index()] == [0, 1, 2]


async def test_a_record_whose_acknowledgement_was_lost_is_recognised(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        log = await _filled(bus, 1)
        fence = log._last
        seq = await log.append("frame", index=1, t=0.5, jpeg=b"j1")
        log._last = fence  # as if the acknowledgement of frame 1 had never come
        assert await log.append("frame", index=1, t=0.5, jpeg=b"j1") == seq
        await log.append("frame", index=2, t=1.0, jpeg=b"j2")
        assert [r.index for r in await log.index()] == [0, 1, 2]


async def test_a_full_capacity_log_refuses_until_it_is_purged(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        opening = fresh_opening()
        limit = (await bus.connection.api("STREAM.INFO.DSB_FRAMES_CAP"))["config"]["max_msgs_per_subject"]
        log = await _filled(bus, 0, opening=opening)
        for index in range(limit):
            await log.append("frame", index=index, t=index)
        with pytest.raises(Overloaded, match="full"):
            await log.append("frame", index=limit, t=limit)
        await log.purge_below((await log.index())[10].seq)
        await log.append("frame", index=limit, t=limit)
        found = await _read(log, limit - 9)
    assert [r.index for r in found] == list(range(10, limit + 1))


async def test_a_full_log_of_one_opening_leaves_others_their_room(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        limit = (await bus.connection.api("STREAM.INFO.DSB_FRAMES_CAP"))["config"]["max_msgs_per_subject"]
        log = await _filled(bus, limit)
        with pytest.raises(Overloaded):
            await log.append("frame", index=limit, t=0)
        await _filled(bus, 2)


async def test_a_live_log_forgets_its_oldest_and_goes_on(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        limit = (await bus.connection.api("STREAM.INFO.DSB_FRAMES_LIVE"))["config"]["max_msgs_per_subject"]
        log = await _filled(bus, limit + 5, live=True)
        first = (await _read(log, 1))[0]
    assert first.index == 5


async def test_a_live_log_that_expired_whole_can_be_continued(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        log = await _filled(bus, 2, live=True)
        await bus.purge(log.stream, log.subject)
        await log.append("frame", index=2, t=1.0)
        assert [r.index for r in await _read(log, 1)] == [2]


async def test_a_capacity_log_that_was_purged_whole_fences_its_reader(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        log = await _filled(bus, 2)
        await bus.purge(log.stream, log.subject)
        with pytest.raises(Conflict):
            await log.append("frame", index=2, t=1.0)


async def test_an_append_without_broker_is_a_timeout(nats_url: str) -> None:
    async with connected(nats_url, request_timeout_s=0.2) as bus:
        bus.connection._up.clear()  # as it is between a lost connection and the next
        with pytest.raises(BusTimeout, match="is the broker up"):
            await FrameLog(bus, fresh_opening(), live=False).append("frame", index=0, t=0)
        bus.connection._up.set()

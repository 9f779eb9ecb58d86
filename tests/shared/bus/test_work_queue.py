from __future__ import annotations

import asyncio
import signal
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from bus_kit import child, connected, fresh_opening, job, until
from live_broker import Broker

from shared import subjects
from shared.bus import Bus, Job, init_topology
from shared.errors import Overloaded, TransportError
from shared.settings import BusSettings

pytestmark = pytest.mark.nats


async def _topology(broker: Broker, **settings: object) -> None:
    await init_topology(BusSettings(nats_url=broker.url, **settings))  # type: ignore[arg-type]


async def _take(bus: Bus, count: int, *, slots: int = 8) -> list[Job]:
    taken: list[Job] = []
    async with aclosing(bus.jobs(slots=lambda: slots)) as jobs:
        async for one in jobs:
            taken.append(one)
            if len(taken) == count:
                break
    return taken


async def test_a_job_goes_to_a_worker_and_is_gone_once_acknowledged(broker: Broker) -> None:
    await _topology(broker)
    opening = fresh_opening()
    async with connected(broker.url) as bus:
        assert await bus.enqueue(job(opening))
        (taken,) = await _take(bus, 1)
        assert taken.body == job(opening)
        assert (taken.delivered, taken.error) == (1, "")
        await taken.ack()
        info = await bus.connection.api(f"STREAM.INFO.{subjects.S2_JOBS}")
    assert info["state"]["messages"] == 0


async def test_the_same_attempt_is_queued_once(broker: Broker) -> None:
    await _topology(broker)
    async with connected(broker.url) as bus:
        assert await bus.enqueue(job("a_0_0"))
        assert not await bus.enqueue(job("a_0_0"))
        assert await bus.enqueue(job("a_0_0", attempt=1))


async def test_a_full_queue_is_an_error(broker: Broker) -> None:
    await _topology(broker, jobs_max=2)
    async with connected(broker.url) as bus:
        for attempt in range(2):
            await bus.enqueue(job("a_0_0", attempt=attempt))
        with pytest.raises(Overloaded, match="S2 queue is full"):
            await bus.enqueue(job("a_0_0", attempt=2))


async def test_no_more_jobs_are_fetched_than_slots_are_free(broker: Broker) -> None:
    await _topology(broker)
    async with connected(broker.url) as bus, connected(broker.url) as other:
        for attempt in range(4):
            await bus.enqueue(job("a_0_0", attempt=attempt))
        held: list[Job] = []

        async def work() -> None:
            async with aclosing(bus.jobs(slots=lambda: 2 - len(held))) as jobs:
                async for one in jobs:
                    held.append(one)

        worker = asyncio.create_task(work())
        await until(lambda: len(held) == 2)
        rest = await _take(other, 2)
        assert len({one.body.attempt for one in [*held, *rest] if one.body}) == 4
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def test_a_job_given_back_is_delivered_again(broker: Broker) -> None:
    await _topology(broker)
    async with connected(broker.url) as bus:
        await bus.enqueue(job("a_0_0"))
        (first,) = await _take(bus, 1)
        await first.nak()
        (second,) = await _take(bus, 1)
        assert second.delivered == 2
        await second.term()
        info = await bus.connection.api(f"STREAM.INFO.{subjects.S2_JOBS}")
    assert info["state"]["messages"] == 0


async def test_a_heartbeat_keeps_a_job_longer_than_its_ack_wait(broker: Broker) -> None:
    await _topology(broker, job_ack_wait_s=1)
    async with connected(broker.url, job_ack_wait_s=1) as bus, connected(broker.url) as other:
        await bus.enqueue(job("a_0_0"))
        (mine,) = await _take(bus, 1)
        taking = asyncio.create_task(_take(other, 1))
        async with mine.heartbeat():
            await asyncio.sleep(2.5)
            assert not taking.done()
        (theirs,) = await taking
        assert theirs.delivered == 2


async def test_a_job_with_a_trace_of_any_length_is_delivered(broker: Broker) -> None:
    await _topology(broker)
    async with connected(broker.url) as bus:
        trace = f"00-{'f' * 200}-{'c' * 16}-01"
        await bus.enqueue(job("a_0_0").model_copy(update={"trace": trace}))
        (taken,) = await _take(bus, 1)
        assert taken.trace == trace
        await taken.ack()


async def test_a_body_that_cannot_be_read_is_delivered_with_its_error(broker: Broker) -> None:
    await _topology(broker)
    async with connected(broker.url) as bus:
        await bus.append(subjects.s2_job("a_0_0"), b"\x01 no job")
        (taken,) = await _take(bus, 1)
        assert taken.body is None
        assert "not a S2Job" in taken.error
        await taken.term()


async def test_the_age_of_a_job_is_that_since_its_storing(broker: Broker) -> None:
    await _topology(broker)
    async with connected(broker.url) as bus:
        await bus.enqueue(job("a_0_0"))
        await asyncio.sleep(1)
        (taken,) = await _take(bus, 1)
    assert 0.9 < taken.age_s < 10


async def test_a_wall_clock_that_is_set_makes_no_job_old(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _topology(broker)
    ahead = tmp_path / "clock"
    ahead.write_text("0")
    monkeypatch.setenv("DSB_CLOCK_FILE", str(ahead))
    async with connected(broker.url) as bus, aclosing(bus.jobs(slots=lambda: 1)) as jobs:
        for attempt, jump in enumerate((0, 3600, -3600)):
            ahead.write_text(str(jump))
            await bus.enqueue(job("a_0_0", attempt=attempt))
            taken = await anext(jobs)
            assert 0 <= taken.age_s < 60
            await taken.ack()


async def test_a_consumer_that_is_missing_is_not_asked_without_a_pause(broker: Broker) -> None:
    await _topology(broker)
    async with connected(broker.url) as bus:
        await bus.connection.api(f"CONSUMER.DELETE.{subjects.S2_JOBS}.s2")
        with pytest.raises(TransportError):  # it is looked for at first
            await _take(bus, 1)
        await _topology(broker)
        waiting = asyncio.create_task(_take(bus, 1))
        await asyncio.sleep(0.5)
        await bus.connection.api(f"CONSUMER.DELETE.{subjects.S2_JOBS}.s2")
        before = bus.connection.nc.stats["out_msgs"]
        await asyncio.sleep(4)
        assert bus.connection.nc.stats["out_msgs"] - before < 20
        await _topology(broker)
        await bus.enqueue(job("a_0_0"))
        [taken] = await asyncio.wait_for(waiting, 20)
        assert taken.body == job("a_0_0")


_KILLED = """
import asyncio, os, signal, sys
from contextlib import aclosing
from shared.bus import Bus
from shared.settings import BusSettings

async def main():
    bus = await Bus.connect(BusSettings(nats_url=sys.argv[1]), name="worker")
    async with aclosing(bus.jobs(slots=lambda: 1)) as jobs:
        async for job in jobs:
            print(job.delivered, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_job_that_kills_its_workers_counts_them(broker: Broker) -> None:
    await _topology(broker, job_ack_wait_s=1)
    async with connected(broker.url) as bus:
        await bus.enqueue(job("a_0_0"))
        for delivered in (1, 2, 3):
            worker = child(_KILLED, broker.url)
            out, _ = await asyncio.to_thread(worker.communicate, None, 30)
            assert (worker.returncode, out.strip()) == (-signal.SIGKILL, str(delivered))
        (taken,) = await _take(bus, 1)
    assert taken.delivered == 4


async def test_jobs_go_on_through_a_broker_restart(broker: Broker) -> None:
    await _topology(broker)
    done: list[int] = []
    async with connected(broker.url, request_timeout_s=2) as bus:

        async def work() -> None:
            async with aclosing(bus.jobs(slots=lambda: 1)) as jobs:
                async for one in jobs:
                    assert one.body
                    done.append(one.body.attempt)
                    await one.ack()

        worker = asyncio.create_task(work())
        await bus.enqueue(job("a_0_0", attempt=0))
        await until(lambda: done == [0])
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        await until(lambda: bus.connected)
        await bus.enqueue(job("a_0_0", attempt=1))
        await until(lambda: done == [0, 1])
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def test_draining_after_an_idle_pull_does_not_hang(broker: Broker) -> None:
    await _topology(broker)
    async with connected(broker.url) as bus:
        waiting = asyncio.create_task(_take(bus, 1))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        began = time.monotonic()
    assert time.monotonic() - began < 5  # the client's own drain would take its whole timeout of 10 s

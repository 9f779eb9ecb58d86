from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import aclosing

import pytest
from bus_kit import child, connected, fresh_opening, until
from live_broker import Broker

from shared import subjects
from shared.bus import Bus, FrameLog, Lease, LeaseChange, init_topology
from shared.errors import LeaseLost
from shared.settings import BusSettings

pytestmark = pytest.mark.nats

TTL = 2.0
BUCKET = subjects.OWNER_BUCKET


def _lease(bus: Bus, key: str, holder: str = "me") -> Lease:
    return bus.lease(BUCKET, key, holder=holder, ttl=TTL, value={"slots": 2})


async def _taken(lease: Lease) -> None:
    """Take it as soon as it is free."""
    deadline = time.monotonic() + 20
    while not await lease.take():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_a_key_has_one_holder(nats_url: str) -> None:
    key = fresh_opening()
    async with connected(nats_url) as one, connected(nats_url) as two:
        mine, theirs = _lease(one, key), _lease(two, key, "you")
        assert await mine.take()
        assert not await theirs.take()
        info = await two.lease_holder(BUCKET, key)
        assert info is not None
        assert (info.holder, info.epoch, info.value) == ("me", mine.epoch, {"slots": 2})
        with pytest.raises(LeaseLost):
            theirs.require()
        mine.require()


async def test_of_racing_takers_one_wins(nats_url: str) -> None:
    key = fresh_opening()
    async with connected(nats_url) as one, connected(nats_url) as two:
        racing = [_lease((one, two)[n % 2], key, f"w{n}").take() for n in range(6)]
        assert sorted(await asyncio.gather(*racing)) == [False] * 5 + [True]


async def test_a_process_is_told_when_the_line_of_its_leases_is_closed_for_good(nats_url: str) -> None:
    closed = threading.Event()
    bus = await Bus.connect(BusSettings(nats_url=nats_url), name="test", on_closed=closed.set)
    try:
        assert await _lease(bus, fresh_opening()).take()
        keeper = bus._keeper
        await keeper.call(keeper.conn.nc.close())  # as the client does at an error that is none of the line
        assert await asyncio.to_thread(closed.wait, 20)
    finally:
        await bus.drain()


async def test_a_lease_is_renewed_beyond_its_ttl(nats_url: str) -> None:
    key = fresh_opening()
    async with connected(nats_url) as bus:
        lease = _lease(bus, key)
        await lease.take()
        epoch = lease.epoch
        await asyncio.sleep(TTL * 1.7)
        info = await bus.lease_holder(BUCKET, key)
        assert lease.valid
        assert info is not None
        assert info.epoch == epoch == lease.epoch


async def test_renewal_goes_on_while_the_main_loop_is_blocked(nats_url: str) -> None:
    key = fresh_opening()
    async with connected(nats_url) as bus, connected(nats_url) as other:
        lease = _lease(bus, key)
        await lease.take()
        end = time.monotonic() + TTL * 1.7
        while time.monotonic() < end:  # as inference on the main loop would, the interpreter lock held
            sum(range(10_000))
        assert lease.valid
        assert not await _lease(other, key, "you").take()


async def test_a_released_lease_is_free_at_once_and_the_next_epoch_is_greater(nats_url: str) -> None:
    key = fresh_opening()
    async with connected(nats_url) as bus:
        first, second = _lease(bus, key), _lease(bus, key, "you")
        await first.take()
        await first.release()
        assert not first.valid
        assert await bus.lease_holder(BUCKET, key) is None
        assert await second.take()
        assert second.epoch > first.epoch


async def test_a_dead_holders_lease_expires_and_is_taken_over_the_marker(nats_url: str) -> None:
    key = fresh_opening()
    async with connected(nats_url) as bus:
        async with connected(nats_url) as dying:
            dead = _lease(dying, key)
            await dead.take()
        heir = _lease(bus, key, "heir")
        await _taken(heir)
        assert heir.epoch > dead.epoch


async def test_an_entry_that_is_no_lease_hides_no_other(nats_url: str) -> None:
    key, strange = fresh_opening(), fresh_opening()
    async with connected(nats_url) as bus:
        await bus.append(f"$KV.{BUCKET}.{strange}", b"nonsense")
        lease = _lease(bus, key)
        assert await lease.take()
        held = [change.key for change in await bus.leases(BUCKET)]
        await lease.release()
        await bus.purge(f"KV_{BUCKET}", f"$KV.{BUCKET}.{strange}")
    assert key in held
    assert strange not in held


async def test_watchers_see_taking_expiry_and_release(nats_url: str) -> None:
    key = fresh_opening()
    seen: list[LeaseChange] = []

    async def watch(bus: Bus) -> None:
        async with aclosing(bus.watch_leases(BUCKET)) as changes:
            async for change in changes:
                if change.key == key:
                    seen.append(change)

    def holders() -> list[str]:
        names = [change.info.holder if change.info else "" for change in seen]
        return [name for n, name in enumerate(names) if n == 0 or name != names[n - 1]]

    async with connected(nats_url) as bus:
        watching = asyncio.create_task(watch(bus))
        async with connected(nats_url) as dying:
            await _lease(dying, key, "dying").take()
        await until(lambda: holders() == ["dying", ""])
        heir = _lease(bus, key, "heir")
        await heir.take()
        await heir.release()
        await until(lambda: holders() == ["dying", "", "heir", ""])
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


_HOLDER = """
import asyncio, sys
from shared.bus import Bus, FrameLog
from shared.errors import DsbError
from shared.logs import setup
from shared.settings import BusSettings

async def main():
    setup()
    bus = await Bus.connect(BusSettings(nats_url=sys.argv[1]), name="old")
    lease = bus.lease("dsb_owner", sys.argv[2], holder="old", ttl=2)
    assert await lease.take()
    log = FrameLog(bus, sys.argv[2], live=False)
    await log.resume()
    await log.append("frame", index=0, t=0.0, epoch=lease.epoch)
    print("holding", lease.epoch, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print("valid", lease.valid, flush=True)
    try:
        await log.append("frame", index=1, t=1.0, epoch=lease.epoch)
        print("stored", flush=True)
    except DsbError as error:
        print(type(error).__name__, flush=True)
    await asyncio.wait_for(lease.lost.wait(), 10)
    print("lost", flush=True)
    await bus.drain()

asyncio.run(main())
"""


async def test_a_paused_holder_that_wakes_after_the_takeover_is_refused(nats_url: str) -> None:
    key = fresh_opening()
    old = child(_HOLDER, nats_url, key)
    assert old.stdout
    assert old.stdin
    async with connected(nats_url) as bus:
        holding = (await asyncio.to_thread(old.stdout.readline)).split()
        old.send_signal(signal.SIGSTOP)
        heir = _lease(bus, key, "heir")
        await _taken(heir)
        assert heir.epoch > int(holding[1])
        log = FrameLog(bus, key, live=False)
        await log.resume()
        await log.append("frame", index=1, t=1.0, epoch=heir.epoch)
        old.send_signal(signal.SIGCONT)
        out, _ = await asyncio.to_thread(old.communicate, "go\n", 30)
        assert out.split() == ["valid", "False", "Conflict", "lost"]
        assert heir.valid
        assert [(r.index, r.epoch) for r in await log.index()] == [(0, int(holding[1])), (1, heir.epoch)]


async def test_a_lease_survives_a_broker_restart(broker: Broker) -> None:
    await init_topology(BusSettings(nats_url=broker.url, lease_ttl_s=3))
    async with connected(broker.url) as bus:
        lease = bus.lease(BUCKET, "a_0_0", holder="me", ttl=3)
        await lease.take()
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        await until(lambda: bus.connected)
        await asyncio.sleep(4)
        assert lease.valid
        info = await bus.lease_holder(BUCKET, "a_0_0")
    assert info is not None
    assert info.epoch == lease.epoch


async def test_a_lease_ends_by_its_holders_own_clock_when_the_broker_stays_away(broker: Broker) -> None:
    await init_topology(BusSettings(nats_url=broker.url, lease_ttl_s=2))
    async with connected(broker.url) as bus:
        lease = _lease(bus, "a_0_0")
        await lease.take()
        await asyncio.to_thread(broker.kill)
        await asyncio.wait_for(lease.lost.wait(), 15)
        assert not lease.valid
        with pytest.raises(LeaseLost, match="epoch"):
            lease.require()

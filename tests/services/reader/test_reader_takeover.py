from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import pytest
from live_broker import Broker
from reader_kit import Player, ReaderProcess, direct, frames_of, opening, player, reader, until
from video_files import encode

from shared import subjects
from shared.bus import FrameRecord, init_topology
from shared.errors import TransportError
from shared.messages import EventKind, Open
from shared.settings import BusSettings

pytestmark = pytest.mark.nats


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Forty frames."""
    return opening(encode(tmp_path / "v.mp4", count=200), fps=5)


def _assert_whole(records: list[FrameRecord], opened: Open) -> None:
    """No gap, no double, and the bytes of an uninterrupted pass."""
    assert frames_of(records) == direct(opened)
    assert [r.kind for r in records].count("eos") == 1


@pytest.mark.parametrize(
    "gap",
    [
        "reader.leased_not_published=kill",
        "reader.frame_published=kill@7",
        "reader.watermark_published=kill@2",
    ],
)
async def test_a_reader_that_is_killed_in_a_gap_is_continued(nats_url: str, opened: Open, gap: str) -> None:
    async with player(nats_url, opened) as bench:
        with ReaderProcess(nats_url, "r-first", failpoints=gap) as first:
            await _granted_until_dead(bench, first)
            async with reader(nats_url, "r-second"):
                await bench.reach(3.0)
                _assert_whole(await bench.reach(10.0), opened)
            holders = {event.by for event in await bench.events(EventKind.OPENED)}
            assert "r-second" in holders


async def test_an_end_that_a_dead_reader_had_no_time_to_say_is_said_by_the_next(
    nats_url: str, opened: Open
) -> None:
    async with player(nats_url, opened) as bench:
        async with reader(nats_url, "r-first"):
            await bench.reach(10.0)
            [told] = await bench.events(EventKind.EOS)
        await bench.bus.purge(subjects.EVENTS, subjects.event(opened.opening, EventKind.EOS))
        async with reader(nats_url, "r-second"):
            await bench.open()

            async def said() -> bool:
                return bool(await bench.events(EventKind.EOS))

            await until(said)
            [again] = await bench.events(EventKind.EOS)
    assert (again.by, again.t, again.count) == ("r-second", told.t, told.count)


async def _granted_until_dead(bench: Player, process: ReaderProcess) -> None:
    """Open once, then grant in two steps, each until its watermark stands in the log."""
    granted, opened = [0.5, 1.3], False

    async def dead() -> bool:
        nonlocal opened
        if not opened:
            with contextlib.suppress(AssertionError):
                opened = (await bench.open(within_s=0)).accepted
        await bench.grant(granted[0])
        if len(granted) > 1 and any(r.kind == "watermark" for r in await bench.records()):
            granted.pop(0)
        return process.process.poll() is not None

    await until(dead)


async def test_the_log_of_a_dead_reader_is_cleared_away_when_the_bench_closes(
    nats_url: str, opened: Open
) -> None:
    async with player(nats_url, opened) as bench:
        with ReaderProcess(nats_url, "r-first", failpoints="reader.frame_published=kill@5") as first:
            await _granted_until_dead(bench, first)
        async with reader(nats_url, "r-second"):
            assert len(await bench.records()) >= 5

            async def cleared() -> bool:
                await bench.close()
                return not await bench.records()

            await until(cleared)


async def test_a_reader_that_is_stopped_gracefully_hands_over_at_once(nats_url: str, opened: Open) -> None:
    async with player(nats_url, opened) as bench:
        async with reader(nats_url, "r-first"):
            await bench.reach(2.2)
        assert await bench.bus.lease_holder(subjects.READER_BUCKET, opened.opening) is None
        async with reader(nats_url, "r-second"):
            _assert_whole(await bench.reach(10.0), opened)


async def test_a_paused_reader_that_wakes_after_the_takeover_is_refused(nats_url: str, opened: Open) -> None:
    async with player(nats_url, opened) as bench:
        with ReaderProcess(nats_url, "r-old", failpoints="reader.frame_published=pause@5") as old:
            await bench.open()
            await _granted_until_stopped(bench, old)
            async with reader(nats_url, "r-new"):
                before = await _taken_over(bench)
                old.process.send_signal(signal.SIGCONT)
                await bench.reach(4.0)
                records = await bench.reach(10.0)
                _assert_whole(records, opened)
                epochs = [r.epoch for r in records]
                assert epochs == sorted(epochs)
                assert len(set(epochs)) == 2
                assert before[-1].epoch == epochs[-1]
            assert old.process.poll() is None


async def _granted_until_stopped(bench: Player, old: ReaderProcess) -> None:
    async def stopped() -> bool:
        await bench.grant(3.0)
        state = Path(f"/proc/{old.process.pid}/stat")
        if not state.exists():
            pytest.skip("no /proc here to see that a process is paused")
        return state.read_text().rsplit(")", 1)[1].split()[0] == "T"

    await until(stopped)


async def _taken_over(bench: Player) -> list[FrameRecord]:
    """The log once the new reader wrote to it; the frozen one swallows requests until its lease ends."""

    async def look() -> list[FrameRecord] | None:
        holder = await bench.bus.lease_holder(subjects.READER_BUCKET, bench.opened.opening)
        if holder is None:
            subject = subjects.reader_ctl("open")
            await bench.bus.publish(subject, bench.opened)
        await bench.grant(3.0)
        records = await bench.records()
        return records if records[-1].kind == "watermark" else None

    return await until(look)


async def test_a_broker_that_restarts_does_not_break_a_stream(broker: Broker, opened: Open) -> None:
    await init_topology(BusSettings(nats_url=broker.url, lease_ttl_s=2))
    async with reader(broker.url), player(broker.url, opened) as bench:
        await bench.reach(2.0)
        broker.kill()
        broker.start()

        async def reconnected() -> bool:
            return bench.bus.connected

        await until(reconnected)
        _assert_whole(await _reach_through(bench, 10.0), opened)


async def _reach_through(bench: Player, t: float) -> list[FrameRecord]:
    """As `Player.reach`, while requests may still fail."""

    async def look() -> list[FrameRecord] | None:
        try:
            return await bench.reach(t, within_s=10)
        except (TransportError, AssertionError):
            return None

    return await until(look)

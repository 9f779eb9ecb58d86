from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_broker import Broker
from metrics_kit import growth
from PIL import Image
from reader_kit import direct, frames_of, opening, player, reader, until
from video_files import encode

from services.reader import decoding
from shared import subjects
from shared.bus import init_topology
from shared.errors import NoResponders
from shared.messages import Close, Done, EventKind, OpenReply, Resize, VideoSpec, WindowSpec
from shared.settings import BusSettings
from shared.video import FrameStream

pytestmark = pytest.mark.nats


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds at 25 pictures a second."""
    return encode(tmp_path / "v.mp4")


async def test_a_grant_brings_the_frames_up_to_it_and_then_its_watermark(nats_url: str, video: Path) -> None:
    opened = opening(video)
    async with reader(nats_url), player(nats_url, opened) as bench:
        records = await bench.reach(1.0)
        assert [(r.kind, r.t) for r in records][-1] == ("watermark", 1.0)
        assert frames_of(records) == [f for f in direct(opened) if f.t <= 1.0]


async def test_steps_of_any_size_give_the_same_frames(nats_url: str, video: Path) -> None:
    opened = opening(video)
    async with reader(nats_url), player(nats_url, opened) as bench:
        for t in (0.0, 0.1, 0.95, 1.61):
            records = await bench.reach(t)
        assert [r.t for r in records if r.kind == "watermark"] == [0.0, 0.1, 0.95, 1.61]
        for k, record in enumerate(records):
            granted = next(r.t for r in records[k:] if r.kind == "watermark")
            assert record.t <= granted
        assert frames_of(records) == [f for f in direct(opened) if f.t <= 1.61]


async def test_a_grant_that_is_repeated_or_older_brings_nothing_new(nats_url: str, video: Path) -> None:
    async with reader(nats_url), player(nats_url, opening(video)) as bench:
        before = await bench.reach(1.0)
        for t in (1.0, 0.5, 1.0):
            await bench.grant(t)
        assert await bench.reach(1.0) == before


async def test_a_grant_beyond_the_end_brings_the_end_once_and_then_watermarks(
    nats_url: str, video: Path
) -> None:
    opened = opening(video)
    async with reader(nats_url), player(nats_url, opened) as bench:
        await bench.reach(1.9)
        await bench.reach(50.0)
        records = await bench.reach(60.0)
        tail = [(r.kind, r.t, r.index) for r in records if r.kind != "frame"]
        assert tail == [
            ("watermark", 1.9, 9),
            ("eos", 2.0, 9),
            ("watermark", 50.0, 9),
            ("watermark", 60.0, 9),
        ]
        assert frames_of(records) == direct(opened)
        (eos,) = await bench.events(EventKind.EOS)
        assert (eos.t, eos.count) == (2.0, 10)


async def test_the_reader_stays_within_its_credit(nats_url: str, video: Path) -> None:
    async with reader(nats_url), player(nats_url, opening(video, credit=3)) as bench:
        await bench.open()

        async def three() -> bool:
            await bench.grant(10.0)
            return len(await bench.records()) >= 3

        await until(three)
        await bench.grant(11.0)
        assert [r.index for r in await bench.records()] == [0, 1, 2]
        await bench.credit(1)

        async def five() -> bool:
            return len(await bench.records()) >= 5

        await until(five)
        assert [r.index for r in await bench.records()] == [0, 1, 2, 3, 4]


async def test_what_no_window_needs_any_more_is_purged(nats_url: str, tmp_path: Path) -> None:
    window = WindowSpec(frames=4, stride=1, hop=1)
    opened = opening(encode(tmp_path / "v.mp4", count=200), fps=25, credit=8, s1=window, s2=window)
    async with reader(nats_url), player(nats_url, opened) as bench:
        records = await bench.reach(8.0)
        kept = frames_of(records)
        assert kept == direct(opened)[-len(kept) :]
        assert opened.profile.retain <= len(kept) < 60


async def test_a_full_log_makes_the_reader_wait_not_fail(broker: Broker, tmp_path: Path) -> None:
    await init_topology(BusSettings(nats_url=broker.url, lease_ttl_s=2, frames_max_per_stream=16))
    window = WindowSpec(frames=4, stride=1, hop=1)
    opened = opening(encode(tmp_path / "v.mp4", count=40), fps=25, credit=40, s1=window, s2=window)
    waits = growth("dsb_reader_log_waits_total")
    async with reader(broker.url), player(broker.url, opened) as bench:

        async def full() -> bool:
            await bench.open()
            await bench.grant(10.0)
            return len(await bench.records()) == 16

        await until(full)

        async def waited() -> bool:
            return waits() > 0

        await until(waited)
        log = subjects.frames(opened.opening, live=False)
        seen = frames_of(await bench.records())

        async def done() -> bool:
            records = await bench.records()
            seen.extend(f for f in frames_of(records) if f.index > seen[-1].index)
            await bench.bus.purge(subjects.FRAMES_CAP, log, below_seq=records[-1].seq)
            return records[-1].kind == "watermark"

        await until(done)
        assert seen == direct(opened)


async def test_a_damaged_file_ends_with_its_name_and_lets_waiters_go_on(
    nats_url: str, tmp_path: Path
) -> None:
    whole = encode(tmp_path / "whole.mp4", options={"movflags": "faststart"})
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    async with reader(nats_url), player(nats_url, opening(cut)) as bench:
        early = await bench.reach(0.5)
        assert [r.kind for r in early] == ["frame"] * 3 + ["watermark"]
        assert await bench.events(EventKind.ERROR) == []
        records = await bench.reach(5.0)
        assert [r.kind for r in records[-2:]] == ["eos", "watermark"]
        (error,) = await bench.events(EventKind.ERROR)
        assert str(cut) in error.text
        assert error.t is not None
        assert 0.5 < error.t < 2.0
        assert frames_of(records) == direct(opening(whole))[: len(frames_of(records))]


async def test_a_missing_file_ends_with_its_name_at_the_first_grant(nats_url: str, tmp_path: Path) -> None:
    errors = growth("dsb_reader_source_errors_total")
    async with reader(nats_url), player(nats_url, opening(tmp_path / "gone.mp4")) as bench:
        records = await bench.reach(1.0)
        assert errors() == 1
        assert [(r.kind, r.index) for r in records] == [("eos", -1), ("watermark", -1)]
        (error,) = await bench.events(EventKind.ERROR)
        assert "gone.mp4" in error.text
        assert error.t is None


async def test_a_decoder_that_breaks_in_its_own_way_ends_the_stream_in_one_line(
    nats_url: str, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise ZeroDivisionError("a rate of nothing")

    monkeypatch.setattr(decoding, "frames", broken)
    async with reader(nats_url), player(nats_url, opening(video)) as bench:
        records = await bench.reach(1.0)
        assert [record.kind for record in records] == ["eos", "watermark"]
        (error,) = await bench.events(EventKind.ERROR)
        assert "a rate of nothing" in error.text
        assert len(await bench.events(EventKind.OPENED)) == 1


async def test_a_decoder_that_hangs_keeps_its_stream_from_no_other_reader(
    nats_url: str, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, hangs = threading.Event(), threading.Event()

    def frames(*args: Any, **more: Any) -> FrameStream:
        hangs.set()
        back.wait(60)
        return real(*args, **more)

    real = decoding.frames
    monkeypatch.setattr(decoding, "frames", frames)
    async with reader(nats_url), player(nats_url, opening(video)) as bench:
        try:
            await bench.open()

            async def hanging() -> bool:
                await bench.grant(1.0)
                return hangs.is_set()

            await until(hanging)
            await bench.close()

            async def gone() -> bool:
                return await bench.bus.lease_holder(subjects.READER_BUCKET, bench.opened.opening) is None

            await until(gone)
        finally:
            back.set()


async def test_a_frame_larger_than_the_broker_takes_ends_the_stream(nats_url: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1200, 1200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    opened = opening(tmp_path)
    big = VideoSpec(fps=5, resize=Resize.NONE, quality=100)
    opened = opened.model_copy(update={"profile": opened.profile.model_copy(update={"video": big})})
    async with reader(nats_url), player(nats_url, opened) as bench:
        records = await bench.reach(1.0)
        assert [r.kind for r in records] == ["eos", "watermark"]
        (error,) = await bench.events(EventKind.ERROR)
        assert "lower the frame size or quality" in error.text


async def test_opening_again_is_a_keep_alive(nats_url: str, video: Path) -> None:
    async with reader(nats_url, "r-one"), player(nats_url, opening(video)) as bench:
        replies = [await bench.open() for _ in range(3)]
        assert {reply.reader for reply in replies} == {"r-one"}
        # The lease is there, and the reply with it, a moment before the event.
        (event,) = await until(lambda: bench.events(EventKind.OPENED))
        assert event.open == bench.opened


async def test_of_two_readers_one_plays_and_both_say_who(nats_url: str, video: Path) -> None:
    async with reader(nats_url, "r-a"), reader(nats_url, "r-b"), player(nats_url, opening(video)) as bench:
        replies = [await bench.open() for _ in range(12)]
        assert len({reply.reader for reply in replies}) == 1
        assert len(await until(lambda: bench.events(EventKind.OPENED))) == 1


async def test_a_full_reader_is_not_asked_until_a_slot_is_free(nats_url: str, video: Path) -> None:
    second = opening(video)
    async with (
        reader(nats_url, slots=1),
        player(nats_url, opening(video)) as one,
        player(nats_url, second) as two,
    ):
        await one.open()

        async def full() -> bool:
            try:
                await two.bus.request(subjects.reader_ctl("open"), second, OpenReply)
            except NoResponders:
                return True
            return False

        await until(full)
        # Its holder still answers for the opening that it has.
        held = subjects.reader_ctl(f"open.{one.opened.opening}")
        assert (await one.bus.request(held, one.opened, OpenReply)).accepted
        await one.close()
        await two.reach(0.5)


async def test_closing_releases_the_lease_and_purges_the_log(nats_url: str, video: Path) -> None:
    async with reader(nats_url), player(nats_url, opening(video)) as bench:
        await bench.reach(1.0)
        await bench.close()

        async def gone() -> bool:
            holder = await bench.bus.lease_holder(subjects.READER_BUCKET, bench.opened.opening)
            return holder is None and not await bench.records()

        await until(gone)
        reply = await bench.bus.request(subjects.reader_ctl("open"), bench.opened, OpenReply)
        assert not reply.accepted
        assert "closed" in reply.reason


async def test_its_holder_can_be_told_to_close(nats_url: str, video: Path) -> None:
    async with reader(nats_url), player(nats_url, opening(video)) as bench:
        await bench.reach(0.5)
        name = bench.opened.opening
        assert (await bench.bus.request(subjects.reader_ctl(f"close.{name}"), Close(opening=name), Done)).ok

        async def gone() -> bool:
            return await bench.bus.lease_holder(subjects.READER_BUCKET, name) is None

        await until(gone)


async def test_an_opening_that_nobody_asks_for_is_given_up_and_said_to_be_closed(
    nats_url: str, video: Path
) -> None:
    async with reader(nats_url, idle_close_s=0.6), player(nats_url, opening(video)) as bench:
        await bench.reach(0.5)

        async def closed() -> bool:
            return bool(await bench.events(EventKind.CLOSED))

        await until(closed)


async def test_many_streams_share_few_threads(nats_url: str, video: Path) -> None:
    async with reader(nats_url, threads=2), AsyncExitStack() as stack:
        benches = [await stack.enter_async_context(player(nats_url, opening(video))) for _ in range(8)]
        logs = await asyncio.gather(*(bench.reach(3.0) for bench in benches))
        expected = direct(benches[0].opened)
        assert all(frames_of(log) == expected for log in logs)

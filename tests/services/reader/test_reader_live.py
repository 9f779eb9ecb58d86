from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from reader_kit import Player, ReaderProcess, direct, frames_of, opening, player, reader, until
from video_files import encode

from services.reader import playing
from services.reader.decoding import Resume
from services.reader.inputs import LiveFrames
from shared import subjects
from shared.bus import FrameRecord
from shared.errors import NoResponders
from shared.messages import Event, EventKind, Look, Mode, StreamStatus, VideoSpec

pytestmark = pytest.mark.nats


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds."""
    return encode(tmp_path / "v.mp4")


async def _ended(bench: Player) -> list[FrameRecord]:
    async def look() -> list[FrameRecord] | None:
        records = await bench.records()
        return records if records and records[-1].kind == "eos" else None

    return await until(look)


async def test_a_live_stream_comes_whole_at_the_pace_of_the_clock(nats_url: str, video: Path) -> None:
    opened = opening(video, mode=Mode.LIVE, fps=2)
    async with reader(nats_url), player(nats_url, opened) as bench:
        await bench.open()
        records = await _ended(bench)
        assert frames_of(records) == direct(opened)
        first, last = records[0], records[-2]
        assert last.time - first.time >= 0.9 * (last.t - first.t)
        started = await bench.bus.last(subjects.EVENTS, subjects.event(opened.opening, EventKind.STARTED))
        assert started is not None
        assert started.time <= first.time


async def test_a_live_reader_that_falls_behind_drops_late_frames_and_counts_them(
    nats_url: str, video: Path
) -> None:
    opened = opening(video, mode=Mode.LIVE, fps=25)
    with ReaderProcess(
        nats_url, "r-slow", failpoints="reader.frame_published=sleep:200", dropped_every_s=0.3
    ):
        async with player(nats_url, opened) as bench:
            await bench.open()
            records = await _ended(bench)
            shown = [f.index for f in frames_of(records)]
            dropped = await bench.events(EventKind.DROPPED)
            assert shown == sorted(set(shown))
            assert 1 <= len(shown) < 40
            assert sum(event.count for event in dropped) == 50 - len(shown)
            assert 0 < len(dropped) < 20
            assert frames_of(records)[-1] == direct(opened)[shown[-1]]


async def test_a_live_stream_that_is_taken_over_goes_on_where_the_clock_is(
    nats_url: str, tmp_path: Path
) -> None:
    opened = opening(encode(tmp_path / "v.mp4", count=250), mode=Mode.LIVE)
    async with player(nats_url, opened) as bench:
        with ReaderProcess(nats_url, "r-first", failpoints="reader.frame_published=kill@5") as first:
            await bench.open()
            first.process.wait(90)
        async with reader(nats_url, "r-second"):

            async def second() -> list[FrameRecord] | None:
                await bench.open()
                records = await bench.records()
                return records if len(records) > 9 else None

            records = await until(second)
            indices = [r.index for r in records]
            assert indices == sorted(set(indices))
            assert indices[5] > 5
            started = await bench.bus.last(subjects.EVENTS, subjects.event(opened.opening, EventKind.STARTED))
            assert started is not None
            # No frame is early by the broker's clock; how late one may be is a matter of the machine.
            assert all(r.time - started.time > r.t - 0.25 for r in records)


async def test_a_stream_older_than_its_events_goes_on_where_its_log_says(
    nats_url: str, tmp_path: Path
) -> None:
    opened = opening(encode(tmp_path / "v.mp4", count=250), mode=Mode.LIVE)
    async with player(nats_url, opened) as bench:

        async def grown() -> list[FrameRecord] | None:
            await bench.open()
            records = await bench.records()
            return records if len(records) > before else None

        before = 3
        async with reader(nats_url, "r-first"):
            first = await until(grown)
        await bench.bus.purge(subjects.EVENTS, subjects.event(opened.opening, EventKind.STARTED))
        before = len(first) + 2
        async with reader(nats_url, "r-second"):
            records = await until(grown)
            times = [record.t for record in records]
            assert times == sorted(set(times))
            assert await bench.events(EventKind.STARTED) == []


async def test_a_kept_stream_says_its_time_again_and_goes_on_by_that_when_all_else_is_forgotten(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "_AGAIN_EVERY", 2)
    opened = opening(encode(tmp_path / "v.mp4", count=750), mode=Mode.LIVE).model_copy(update={"kept": True})
    async with player(nats_url, opened) as bench:

        async def said_again() -> bool:
            await bench.open()
            last = await bench.bus.last(subjects.EVENTS, subjects.event(opened.opening, EventKind.STARTED))
            return last is not None and bool(Event.from_bytes(last.body).t)

        async def playing_at() -> float | None:
            await bench.open()
            look = Look(opening=opened.opening)
            subject = subjects.reader_ctl(f"status.{opened.opening}")
            with contextlib.suppress(NoResponders):  # it has the lease, and is not there yet
                return (await bench.bus.request(subject, look, StreamStatus)).t
            return None

        async with reader(nats_url, "r-first"):
            await until(said_again)
            before = (await bench.records())[-1].t
        await bench.bus.purge(subjects.FRAMES_LIVE, subjects.frames(opened.opening, live=True))
        async with reader(nats_url, "r-second"):
            assert await until(playing_at) > before


async def test_a_kept_stream_whose_end_was_seen_by_another_reader_is_closed_when_nobody_asks_for_it(
    nats_url: str, video: Path
) -> None:
    opened = opening(video, mode=Mode.LIVE).model_copy(update={"kept": True})
    async with player(nats_url, opened) as bench:
        async with reader(nats_url, "r-first"):
            await bench.open()
            await _ended(bench)
        async with reader(nats_url, "r-second", idle_close_s=0.6):
            await bench.open()

            async def closed() -> bool:
                return bool(await bench.events(EventKind.CLOSED))

            await until(closed)


async def test_a_missing_live_source_is_an_error_and_never_starts(nats_url: str, tmp_path: Path) -> None:
    async with reader(nats_url), player(nats_url, opening(tmp_path / "no.mp4", mode=Mode.LIVE)) as bench:
        await bench.open()
        assert [r.kind for r in await _ended(bench)] == ["eos"]
        assert "no.mp4" in (await bench.events(EventKind.ERROR))[0].text
        assert await bench.events(EventKind.STARTED) == []


class Heard:
    """What a live input tells."""

    def __init__(self) -> None:
        self.dropped: list[float] = []

    def drop(self, t: float, reason: str) -> None:
        self.dropped.append(t)

    def lost(self, t: float, why: str) -> None: ...

    def resumed(self, t: float, gap_s: float, tries: int) -> None: ...


async def test_a_live_input_keeps_the_newest_frames_and_counts_the_others() -> None:
    told, two_s = Heard(), "webcam:lavfi:testsrc=size=64x48:rate=25:duration=2,realtime"
    source = LiveFrames(two_s, VideoSpec(fps=25), resume=Resume(), position=None, ahead=4, told=told)
    head = await source.peek()
    assert head is not None
    while not source.over:
        await asyncio.sleep(0.01)
    kept = [head]
    source.pop()
    while (frame := await source.peek()) is not None:
        kept.append(frame)
        source.pop()
    indices = [frame.index for frame in kept]
    assert indices == [0, *range(indices[-1] - 3, indices[-1] + 1)]
    assert len(told.dropped) == indices[-1] + 1 - len(kept) > 0
    assert max(told.dropped) < kept[1].t
    await source.close()


async def test_a_live_input_that_is_taken_over_counts_on_where_the_clock_is(video: Path) -> None:
    source = LiveFrames(
        str(video), VideoSpec(fps=5), resume=Resume(9, 1.8), position=7.5, ahead=64, told=Heard()
    )
    first = await source.peek()
    assert first is not None
    assert first.index == 10
    assert first.t >= 7.5
    await source.close()

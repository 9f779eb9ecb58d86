"""A camera that is really there: an RTSP server plays, is cut, comes back."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from metrics_kit import growth
from reader_kit import Player, frames_of, opening, player, reader, until
from rtsp_server import RtspCamera
from video_files import encode

from shared import subjects
from shared.errors import VideoError
from shared.messages import EventKind, Look, Mode, Open, Slow, StreamStatus
from shared.video import container, frames, probe

pytestmark = pytest.mark.nats

QUICK: dict[str, Any] = {"reconnect_first_s": 0.05, "reconnect_longest_s": 0.2}
LAVFI = "webcam:lavfi:testsrc=size=64x48:rate=10"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds that are played again and again."""
    return encode(tmp_path / "v.mp4", options={"bf": "0"})


def live(uri: object, **more: Any) -> Open:
    return opening(uri, fps=5, mode=Mode.LIVE, **more)


async def status(bench: Player) -> StreamStatus:
    subject = subjects.reader_ctl(f"status.{bench.opened.opening}")
    return await bench.bus.request(subject, Look(opening=bench.opened.opening), StreamStatus)


async def grown(bench: Player, count: int) -> None:
    async def look() -> bool:
        await bench.open()
        return len(frames_of(await bench.records())) >= count

    await until(look)


async def told(bench: Player, kind: EventKind) -> None:
    async def look() -> bool:
        await bench.open()
        return bool(await bench.events(kind))

    await until(look)


async def told_without_asking(bench: Player, kind: EventKind) -> None:
    async def look() -> bool:
        return bool(await bench.events(kind))

    await until(look)


async def test_a_source_that_runs_ahead_of_the_clock_gives_no_more_frames_than_were_asked_for(
    nats_url: str,
) -> None:
    unpaced = "webcam:lavfi:testsrc=size=64x48:rate=10"
    async with reader(nats_url, **QUICK), player(nats_url, live(unpaced)) as bench:
        await grown(bench, 12)
        times = [frame.t for frame in frames_of(await bench.records())]
    # The first one, and one that may come up to half an interval before it is due.
    assert len(times) <= 5 * (times[-1] - times[0]) + 2


async def test_a_camera_that_was_cut_goes_on_where_the_clock_is(nats_url: str, video: Path) -> None:
    sources_lost, reconnects = growth("dsb_reader_sources_lost_total"), growth("dsb_reader_reconnects_total")
    gap_s = growth("dsb_reader_gap_seconds_total")
    with RtspCamera(video, user="me") as camera:
        async with reader(nats_url, **QUICK), player(nats_url, live(camera.url)) as bench:
            await grown(bench, 5)
            camera.cut()
            await told(bench, EventKind.LOST)
            before = frames_of(await bench.records())
            assert (await status(bench)).state == "reconnecting"
            camera.switch_on()
            await grown(bench, len(before) + 5)

            records = frames_of(await bench.records())
            assert [frame.index for frame in records] == list(range(len(records)))
            times = [frame.t for frame in records]
            assert all(after - before >= 0.1 for before, after in pairwise(times))
            [lost], [back] = await bench.events(EventKind.LOST), await bench.events(EventKind.RESUMED)
            assert lost.t == before[-1].t
            assert back.t == records[len(before)].t
            now = await status(bench)
            assert (now.state, now.report.reconnects) == ("playing", 1)
            assert now.report.gap_s == pytest.approx(back.t - lost.t, abs=0.01)
            assert camera.played == 2
            assert (sources_lost(), reconnects()) == (1, 1)
            assert gap_s() == pytest.approx(back.t - lost.t, abs=0.01)

            await bench.close()
            await told_without_asking(bench, EventKind.REPORT)
            [end] = await bench.events(EventKind.REPORT)
            assert end.report is not None
            assert end.report.reconnects == 1
            # A frame may be stored just when its reader is told to stop: it does not know of that one.
            assert len(frames_of(await bench.records())) - end.report.frames in (0, 1)


async def test_a_camera_without_pictures_is_opened_again_though_its_sound_goes_on(
    nats_url: str, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_LIVE_TIMEOUT", (10.0, 2.0))
    with RtspCamera(video) as camera:
        async with reader(nats_url, **QUICK), player(nats_url, live(camera.url)) as bench:
            await grown(bench, 3)
            camera.pictures = "none"
            await told(bench, EventKind.LOST)
            camera.pictures = "whole"
            await told(bench, EventKind.RESUMED)
            [lost] = await bench.events(EventKind.LOST)
            assert "gives no more pictures (none for 2 s)" in lost.text
            assert camera.played > 1


async def test_stream_time_of_a_camera_is_the_clock_s(nats_url: str, video: Path) -> None:
    with RtspCamera(video) as camera:
        async with reader(nats_url), player(nats_url, live(camera.url)) as bench:
            await grown(bench, 12)
            started = await bench.bus.last(
                subjects.EVENTS, subjects.event(bench.opened.opening, EventKind.STARTED)
            )
            assert started is not None
            records = [record for record in await bench.records() if record.kind == "frame"]
            # No picture is ahead of its time by the broker's clock, beyond what is taken for jitter.
            assert all(record.t <= record.time - started.time + 0.3 for record in records)


async def test_a_camera_whose_frames_are_forgotten_counts_on_above_what_an_owner_may_hold(
    nats_url: str,
) -> None:
    async with player(nats_url, live(LAVFI)) as bench:
        async with reader(nats_url, **QUICK):
            await grown(bench, 5)
        before = frames_of(await bench.records())
        # As the log's age does it when readers, or the camera, were away for long.
        await bench.bus.purge(subjects.FRAMES_LIVE, subjects.frames(bench.opened.opening, live=True))
        async with reader(nats_url, **QUICK):
            await grown(bench, 3)
            after = frames_of(await bench.records())
    assert after[0].index > before[-1].index
    assert after[0].t > before[-1].t
    assert [frame.index for frame in after] == [after[0].index + n for n in range(len(after))]


async def test_a_camera_that_stays_away_is_given_up_in_one_line(nats_url: str, video: Path) -> None:
    with RtspCamera(video, user="me") as camera:
        async with (
            reader(nats_url, **QUICK, reconnect_limit_s=1.0),
            player(nats_url, live(camera.url)) as bench,
        ):
            await grown(bench, 3)
            camera.cut()
            await told(bench, EventKind.EOS)
            [error] = await bench.events(EventKind.ERROR)
            assert "given up after" in error.text
            assert "me:pw" not in error.text
            assert "\n" not in error.text
            assert (await status(bench)).state == "failed"


async def test_a_camera_may_stay_away_for_any_time(nats_url: str, video: Path) -> None:
    with RtspCamera(video) as camera:
        async with (
            reader(nats_url, **QUICK, reconnect_limit_s=0),
            player(nats_url, live(camera.url)) as bench,
        ):
            await grown(bench, 3)
            camera.cut()
            await told(bench, EventKind.LOST)
            await asyncio.sleep(1.5)
            assert (await status(bench)).state == "reconnecting"
            camera.switch_on()
            await told(bench, EventKind.RESUMED)


async def test_a_camera_that_never_comes_is_one_line_after_a_few_tries(nats_url: str, video: Path) -> None:
    with RtspCamera(video) as camera:
        url = camera.url
    async with reader(nats_url, **QUICK), player(nats_url, live(url)) as bench:
        await bench.open()
        await told(bench, EventKind.EOS)
        [error] = await bench.events(EventKind.ERROR)
        assert "Connection refused" in error.text
        assert "given up after 3 tries" in error.text
        assert await bench.events(EventKind.STARTED) == []
        assert await bench.events(EventKind.LOST) == []


async def test_a_camera_in_capacity_mode_is_refused(nats_url: str, video: Path) -> None:
    with RtspCamera(video) as camera:
        async with reader(nats_url), player(nats_url, opening(camera.url)) as bench:

            async def refused() -> bool:
                await bench.open()
                await bench.grant(1.0)
                return bool(await bench.events(EventKind.ERROR))

            await until(refused)
            [error] = await bench.events(EventKind.ERROR)
            assert "mode: live" in error.text


async def test_a_device_of_this_host_is_read_like_any_camera(nats_url: str) -> None:
    opened = live(f"{LAVFI},realtime", slow=Slow.DOWNSAMPLE)
    async with reader(nats_url), player(nats_url, opened) as bench:
        await grown(bench, 4)
        assert (await status(bench)).state == "playing"


def test_what_a_device_gives_becomes_frames() -> None:
    stream = frames(f"{LAVFI}:duration=1", live(LAVFI).profile.video)
    assert [frame.t for frame in stream] == [0.0, 0.2, 0.4, 0.6, 0.8]


@pytest.mark.parametrize("uri", ["webcam:97", "webcam:/dev/video97", "/dev/video97"])
def test_a_camera_that_is_not_there_is_one_line_with_a_remedy(uri: str) -> None:
    with pytest.raises(VideoError, match=r"can't be opened .*: connect a camera, or name another one"):
        probe(uri)


@pytest.mark.parametrize("uri", ["webcam:", "webcam:front", "webcam:nothing:0", "webcam:lavfi:"])
def test_a_camera_without_a_name_is_one_line_with_a_remedy(uri: str) -> None:
    with pytest.raises(VideoError, match="write webcam:0"):
        probe(uri)

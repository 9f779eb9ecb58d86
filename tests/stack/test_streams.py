"""Streams that are added to a running stack: owned, asked, carried over dead workers, refused whole, and taken away."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rtsp_server import RtspCamera
from stack_kit import Kit, dsb
from video_files import encode

from bench.run.embedded import Stack
from bench.run.session import close_opening
from bench.streams import View, add, ask, find, remove, views
from shared import subjects
from shared.bus import Bus, discover
from shared.errors import ConfigError, DataError, NoResponders, Overloaded, VideoError
from shared.messages import Mode, Open, OpenReply, Profile, Slow, Status, VideoSpec
from shared.messages import Path as Way

pytestmark = pytest.mark.stack

LIVE = Profile(mode=Mode.LIVE, video=VideoSpec(fps=4), slow=Slow.DOWNSAMPLE)
ENV = {"DSB_LEASE_TTL_S": "2", "DSB_RECONNECT_FIRST_S": "0.1", "DSB_IDLE_CLOSE_S": "3"}
BARS = "webcam:lavfi:testsrc=size=96x96:rate=8,realtime"


@pytest.fixture(scope="module")
def stack(kit: Kit) -> Iterator[Stack]:
    """Readers have room for three streams, S1 for two."""
    slots = {"reader": {"DSB_SLOTS": "3"}, "s1": {"DSB_SLOTS": "2"}}
    with kit.stack("streams", env=ENV, service_env=slots) as running:
        yield running


@asynccontextmanager
async def connected(stack: Stack) -> AsyncIterator[Bus]:
    bus = await Bus.connect(stack.bus_settings(), name="test")
    try:
        yield bus
    finally:
        for view in await views(bus, wait_s=0.2):
            await remove(bus, view.stream)
        await bus.drain()


async def until(bus: Bus, name: str, **wanted: object) -> View:
    """The stream's view, once its fields are as wanted (a number: at least that)."""
    for _ in range(600):
        for view in await views(bus, wait_s=0.3):
            told = view.plain()
            if view.stream.name == name and all(_is(told[key], value) for key, value in wanted.items()):
                return view
        await asyncio.sleep(0.1)
    raise AssertionError(f"{name} never was {wanted}: {[view.plain() for view in await views(bus)]}")


def _is(told: object, wanted: object) -> bool:
    if isinstance(wanted, int):
        return isinstance(told, int | float) and told >= wanted
    return told == wanted


async def test_a_stream_is_added_seen_asked_and_taken_away(stack: Stack) -> None:
    async with connected(stack) as bus:
        await add(bus, BARS, name="bars", profile=LIVE, wait_s=90)
        with pytest.raises(ConfigError, match="there is a stream 'bars'"):
            await add(bus, BARS, name="bars", profile=LIVE, wait_s=90)
        view = await until(bus, "bars", state="playing", frames=4)
        assert (view.owner != "", view.plain()["policy"]) == (True, "downsample")

        stream = await find(bus, "bars")
        replies = [
            reply
            async for reply in ask(
                bus, stream, "What is there?", options=["a bar", "a star"], route="both", wait_s=90
            )
        ]
        assert {reply.answer.path for reply in replies} == {Way.S1, Way.S2}
        for reply in replies:
            assert reply.answer.status is Status.OK
            assert reply.answer.draft is not None
            assert max(reply.answer.draft.frames_ts) <= reply.answer.t_ask

        end = await remove(bus, stream)
        assert end.whole
        assert end.read.frames >= end.seen.frames >= 4
        assert await views(bus) == []
        with pytest.raises(ConfigError, match="no stream 'bars'; there are: none"):
            await find(bus, "bars")


async def test_what_can_t_be_admitted_leaves_nothing_open(stack: Stack) -> None:
    async with connected(stack) as bus:
        with pytest.raises(VideoError, match=r"can't be opened .*given up after 3 tries"):
            await add(bus, "rtsp://127.0.0.1:9/x", name="gone", profile=LIVE, wait_s=90)
        await _all_free(bus, stack)
        for name in ("one", "two"):
            await add(bus, BARS, name=name, profile=LIVE, wait_s=90)
        with pytest.raises(
            Overloaded, match=r"S1 is full: 2 of 2 slots in 1 process are taken; .*raise DSB_SLOTS"
        ):
            await add(bus, BARS, name="three", profile=LIVE, wait_s=90)
        # As a run does; the reader's third slot is taken by it, and S1 has none for it.
        run = Open(opening="run_0_0", run="run", uri=BARS, profile=LIVE)
        await _opened(bus, run)
        with pytest.raises(
            Overloaded, match=r"every reader is full: 3 of 3 slots in 1 process are taken; .*DSB_SLOTS"
        ):
            await add(bus, BARS, name="three", profile=LIVE, wait_s=90)
        await close_opening(bus, run.opening)
        assert [view.stream.name for view in await views(bus)] == ["one", "two"]


async def _opened(bus: Bus, run: Open) -> None:
    """Ask until a reader has a slot: that of a refused stream is free a moment later."""
    for _ in range(100):
        with contextlib.suppress(NoResponders):
            assert (await bus.request(subjects.reader_ctl("open"), run, OpenReply)).accepted
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no slot became free")


async def _all_free(bus: Bus, stack: Stack) -> None:
    """Wait until nobody holds anything."""
    for _ in range(100):
        told = [info.stats for info in await discover(bus, wait_s=0.3) if info.service in ("reader", "s1")]
        if len(told) == 2 and not any(stats.get("playing") or stats.get("owned") for stats in told):
            return
    raise AssertionError(told)


async def test_a_stream_outlives_its_reader_and_its_owner(stack: Stack, tmp_path: Path) -> None:
    with RtspCamera(encode(tmp_path / "v.mp4")) as camera:
        async with connected(stack) as bus:
            await add(bus, camera.url, name="cam", profile=LIVE, wait_s=90)
            before = await until(bus, "cam", state="playing", frames=4)
            stack.kill("reader")
            stack.kill("s1")
            after = await until(bus, "cam", state="playing", frames=4)
            while (
                after.status is None or before.status is None or after.status.reader == before.status.reader
            ):
                after = await until(bus, "cam", state="playing", frames=4)
            assert after.status.last_t is not None
            assert before.status.last_t is not None
            assert after.status.last_t > before.status.last_t
            while not (await until(bus, "cam", state="playing")).owner:
                await asyncio.sleep(0.1)
            replies = ask(bus, await find(bus, "cam"), "What?", options=[], route="force-s1", wait_s=90)
            assert [reply.answer.status async for reply in replies] == [Status.OK]


async def test_a_source_that_ended_frees_its_slots_by_itself(stack: Stack, tmp_path: Path) -> None:
    short = encode(tmp_path / "v.mp4")
    async with connected(stack) as bus:
        stream = await add(bus, str(short), name="short", profile=LIVE, wait_s=90)
        for _ in range(300):
            if not await views(bus, wait_s=0.1):
                break
            await asyncio.sleep(0.1)
        assert await views(bus) == []
        with pytest.raises(DataError, match="does not play now"):
            [reply async for reply in ask(bus, stream, "What?", options=[], route="both", wait_s=5)]


def test_the_commands_say_what_they_did_in_a_line(stack: Stack) -> None:
    def run(*words: str) -> tuple[int, str]:
        process = dsb("stream", *words, "--nats", stack.url)
        out, err = process.communicate(timeout=120)
        return process.returncode, (out + err).strip()

    assert run("ls") == (0, "no streams: add one by `dsb stream add URL`")
    code, said = run("add", "rtsp://me:secret@127.0.0.1:9/x", "--id", "cam")
    assert code == 2
    assert re.fullmatch(r"dsb: video 'rtsp://\*\*\*@127.0.0.1:9/x' can't be opened [^\n]*", said)
    code, said = run("add", BARS, "--id", "bars", "--fps", "2", "--policy", "block")
    assert (code, said.splitlines()[0]) == (0, f"bars plays: {BARS} at up to 2 fps, block")
    assert re.match(r"bars  playing  \d+ frames", run("ls")[1])
    assert re.search(
        r"^s1  at [\d.]+ s: .*\(\d+\.\d\d s\)$", run("ask", "bars", "What?", "--route", "force-s1")[1]
    )
    assert re.match(r"bars is removed; read: \d+ frames", run("rm", "bars")[1])
    assert run("rm", "bars")[0] == 2

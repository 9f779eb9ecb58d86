from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path as FilePath

import numpy as np
import pytest
import tiny_llava
from bus_kit import connected, fresh_opening
from metrics_kit import growth

from services.s1.service import Service
from services.s1.settings import S1Settings
from shared import subjects
from shared.bus import Bus, FrameLog
from shared.errors import NoResponders
from shared.messages import (
    Answer,
    Done,
    Form,
    Mode,
    NoteSpec,
    Open,
    Path,
    Place,
    PlaceReply,
    Profile,
    Question,
    RouteStamp,
    S1Ask,
    Standing,
)
from shared.service import host
from shared.video import encode_jpeg
from shared.vlm.spec import ModelSpec

pytestmark = pytest.mark.nats

LAST_FRAME_S, TICKS = 1.0, (1.5, 1.75, 2.0)
PICTURE = encode_jpeg(np.zeros((96, 96, 3), np.uint8), quality=90)


def watch(opening: str) -> S1Ask:
    """It is put behind the last frame, and stands to the end of the stream."""
    question = Question(
        opening=opening,
        key="k",
        sample="s",
        t_ask=TICKS[0],
        text="Is it over?",
        form=Form.YES_NO,
        standing=Standing(kind="state", every_s=0.25, until_s=TICKS[-1]),
    )
    return S1Ask(question=question, route=RouteStamp(route="force-s1"))


async def placed(bus: Bus, opened: Open) -> bool:
    try:
        return (await bus.request(subjects.S1_PLACE, Place(open=opened), PlaceReply)).accepted
    except NoResponders:
        return False


async def answered(bus: Bus, opening: str, tick: int) -> Answer:
    while (answer := await bus.answer_of(opening, "k", Path.S1, str(tick))) is None:
        await asyncio.sleep(0.05)
    return answer


@asynccontextmanager
async def last_answer(
    nats_url: str, folder: FilePath, frames: Mapping[float, bytes]
) -> AsyncIterator[Answer]:
    """To the question's last tick, by a worker that goes on; the stream, of these JPEGs by time, is read already."""
    tiny_llava.save(folder / "model", seed=1)
    settings = S1Settings(nats_url=nats_url, lease_ttl_s=2, model=ModelSpec(path=str(folder / "model")))
    profile = Profile(mode=Mode.LIVE, notes=NoteSpec(enabled=False))
    opened = Open(opening=fresh_opening(), run="test", uri="v.mp4", profile=profile)
    stop = asyncio.Event()
    worker = asyncio.create_task(host(Service(settings), settings, stop=stop))
    try:
        async with connected(nats_url) as bus, asyncio.timeout(200):
            log = FrameLog(bus, opened.opening, live=True)
            for index, (t, jpeg) in enumerate(frames.items()):
                await log.append("frame", index=index, t=t, jpeg=jpeg)
            await log.append("eos", index=len(frames) - 1, t=TICKS[-1])
            while not await placed(bus, opened):
                await asyncio.sleep(0.1)
            await bus.request(subjects.s1(opened.opening), watch(opened.opening), Done)
            yield await answered(bus, opened.opening, len(TICKS) - 1)
    finally:
        stop.set()
        await asyncio.wait_for(worker, 60)


async def test_a_frame_that_is_no_picture_is_passed_over_counted_and_told(
    nats_url: str, tmp_path: FilePath
) -> None:
    failed = growth("dsb_frames_dropped_total", service="s1", reason="failed")
    frames = {0.0: PICTURE, 0.5: b"no picture", LAST_FRAME_S: PICTURE}
    async with last_answer(nats_url, tmp_path, frames) as last:
        assert last.draft is not None
        assert last.draft.frames_ts == (0.0, LAST_FRAME_S)
        assert last.draft.partial == "frames_dropped"
        assert failed() == 1


async def test_live_a_question_is_looked_at_behind_the_last_frame_to_the_end_of_the_stream(
    nats_url: str, tmp_path: FilePath
) -> None:
    looked = growth("dsb_ticks_total", path="s1", outcome="ok")
    async with last_answer(nats_url, tmp_path, {0.0: PICTURE, LAST_FRAME_S: PICTURE}) as last:
        assert last.draft is not None
        assert last.draft.frames_ts == (0.0, LAST_FRAME_S)
        while looked() < len(TICKS):  # the last one counts just behind its answer
            await asyncio.sleep(0.05)
        assert looked() == len(TICKS)

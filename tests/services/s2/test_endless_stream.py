"""A live stream may go on for ever: S2 lets go of the frames that the log has forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from bus_kit import connected, fresh_opening

from services.s2.evidence import Evidence
from services.s2.settings import S2Settings
from shared.bus import FrameLog
from shared.messages import Mode, Profile, Question, RouteStamp, S2Job
from shared.perception import Thinker

pytestmark = pytest.mark.nats

NO_MODEL: Any = None


class Watched(Thinker):
    """Tells which frames it was to let go of."""

    def __init__(self) -> None:
        super().__init__(NO_MODEL)
        self.below: list[int] = []

    def drop_before(self, opening: str, index: int) -> None:
        self.below.append(index)
        super().drop_before(opening, index)


@pytest.mark.parametrize(("mode", "below"), [(Mode.LIVE, [0, 2]), (Mode.CAPACITY, [])])
async def test_frames_that_a_live_log_has_forgotten_are_let_go(
    nats_url: str, mode: Mode, below: list[int]
) -> None:
    opening = fresh_opening()
    asked = Question(opening=opening, key="k", sample="s", t_ask=2.0, text="What is there?")
    job = S2Job(question=asked, profile=Profile(mode=mode), route=RouteStamp(route="both"))
    async with connected(nats_url, frames_max_per_stream=16) as bus:
        log, thinker = FrameLog(bus, opening, live=mode is Mode.LIVE), Watched()
        evidence = Evidence(bus, S2Settings(nats_url=nats_url))
        for index in range(18):
            if index == 16:
                await evidence.frames(job, thinker)
            await log.append("frame", index=index, t=index / 8, jpeg=b"j")
        found = await evidence.frames(job, thinker)
    assert thinker.below == below
    assert found.frames

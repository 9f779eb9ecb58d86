"""A load's questions go out when they are due, whoever waits still, and the slowest answers count."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from bus_kit import connected

import bench.data.world as world
from bench.load.crowd import Crowd, Crowded
from bench.load.footage import Footage, asks
from bench.load.livestream import LiveStream
from bench.run.session import Instant
from shared import subjects
from shared.bus import Bus, Meta
from shared.messages import Answer, Ask, AskReply, Draft, RouteStamp
from shared.messages import Path as Way
from shared.video.synth import script

SCENE = script(world.split_seeds(world.Split.TEST, 1)[0], duration_s=60.0, level=2)
SLOW_S = 2.5
"""Seconds that every answer takes: several questions are due meanwhile."""
LISTENED_S = 4.0


@pytest.mark.parametrize("every_s", [0.5, 1.0, 5.0])
def test_questions_are_in_time_order(every_s: float) -> None:
    times = [question.t_ask for question, _ in asks(SCENE, "o_0_0", every_s=every_s)]
    assert times == sorted(times)


async def answer_slowly(bus: Bus, opening: str) -> None:
    """Be router and S1 of a stream."""
    working: set[asyncio.Task[None]] = set()

    async def work(ask: Ask) -> None:
        await asyncio.sleep(SLOW_S)
        question = ask.question
        draft = Draft(raw="A", choice="A", frames_ts=(question.t_ask,))
        answer = Answer(
            opening=opening,
            key=question.key,
            path=Way.S1,
            t_ask=question.t_ask,
            route=RouteStamp(route="force-s1"),
            worker="w",
            draft=draft,
        )
        await bus.publish_answer(answer)

    async def take(ask: Ask, meta: Meta) -> AskReply:
        task = asyncio.create_task(work(ask))
        working.add(task)
        task.add_done_callback(working.discard)
        return AskReply(status="accepted")

    await bus.serve(subjects.ask(opening), Ask, take)


@pytest.mark.nats
async def test_each_question_is_asked_in_time_and_waited_for_past_the_end(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        stream = LiveStream(bus, Footage(Path("none.mp4"), SCENE), Crowd().profile(), ask_every_s=0.5)
        await answer_slowly(bus, stream.opened.opening)
        async with stream.session.running():
            now = time.monotonic()
            stream.session.started = Instant(now - 20.0, 0.0)  # as if it had played for some time
            async with Crowded([stream], "").listening():
                await asyncio.sleep(LISTENED_S)
                answered = len(stream.heard.latencies)
            heard = stream.heard
    number = int(stream.opened.opening.split("_")[1])
    due = [
        question.t_ask
        for question, _ in asks(SCENE, stream.opened.opening, every_s=0.5, first=number)
        if 20.0 <= question.t_ask < 20.0 + LISTENED_S
    ]
    assert len(due) > 3
    # One that is due just at the beginning or the end may be on either side of it.
    assert abs(heard.asked - len(due)) <= 1
    assert answered < len(heard.latencies) == heard.asked
    assert all(SLOW_S <= took_s < SLOW_S + 1 for took_s in heard.latencies)
    assert heard.failed == []

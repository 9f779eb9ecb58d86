from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from services.s1.stream_time import StreamTime

T = TypeVar("T")
LONG_S = 1000.0


class Clock:
    """Stands still unless a test moves it."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


async def _ends(waiting: Awaitable[T], *, soon: bool) -> T | None:
    """What it returns; null when it still waits after every task had its turns."""
    task = asyncio.ensure_future(waiting)
    for _ in range(20):
        await asyncio.sleep(0)
    assert task.done() is soon
    task.cancel()
    return task.result() if soon else None


def play(test: Callable[[StreamTime, Clock], Awaitable[None]], *, frame_s: float | None = 1.0) -> None:
    async def run() -> None:
        clock = Clock()
        await test(StreamTime(frame_s, clock=clock), clock)

    asyncio.run(run())


def test_in_capacity_mode_only_the_watermark_moves_time() -> None:
    async def go(time: StreamTime, clock: Clock) -> None:
        await time.reach(4.0)
        clock.s += LONG_S
        assert time.now == 4.0
        assert await _ends(time.within(4.0), soon=True) is True
        await _ends(time.within(4.5), soon=False)
        await _ends(time.until(4.5), soon=False)
        await time.end(4.2)
        assert await _ends(time.within(4.5), soon=True) is False
        await _ends(time.until(4.5), soon=False)

    play(go, frame_s=None)


def test_live_time_goes_on_between_two_frames() -> None:
    async def go(time: StreamTime, clock: Clock) -> None:
        await time.reach(4.0)
        await _ends(time.within(4.5), soon=False)
        clock.s += 0.5
        assert time.now == pytest.approx(4.5)
        assert await _ends(time.within(4.5), soon=True) is True
        await _ends(time.within(4.6), soon=False)

    play(go)


def test_live_a_time_at_which_a_frame_is_due_waits_for_the_frame_but_not_for_ever() -> None:
    async def go(time: StreamTime, clock: Clock) -> None:
        await time.reach(4.0)
        clock.s += 1.1
        await _ends(time.within(5.0), soon=False)
        assert time.now < 5.0
        clock.s += 1.0
        assert await _ends(time.within(5.0), soon=True) is True
        assert time.now == pytest.approx(5.1)
        await time.reach(5.0)
        assert time.now == pytest.approx(5.0)

    play(go)


def test_live_times_behind_the_last_frame_come_and_those_behind_the_end_do_not() -> None:
    async def go(time: StreamTime, clock: Clock) -> None:
        await time.reach(11.0)
        await time.end(12.0)  # said as soon as nothing more is to come
        await _ends(time.within(11.5), soon=False)
        clock.s += 1.0
        assert await _ends(time.within(11.5), soon=True) is True
        assert await _ends(time.within(12.0), soon=True) is True
        assert await _ends(time.within(12.5), soon=True) is False
        clock.s += LONG_S
        assert time.now == 12.0
        await _ends(time.until(13.0), soon=True)

    play(go)


def test_live_no_time_has_come_before_the_first_frame() -> None:
    async def go(time: StreamTime, clock: Clock) -> None:
        clock.s += LONG_S
        assert time.now == -1.0
        await _ends(time.within(0.0), soon=False)

    play(go)


def test_who_waits_for_the_clock_is_woken_by_it() -> None:
    async def go() -> bool:
        time = StreamTime(1.0)
        await time.reach(4.0)
        return await asyncio.wait_for(time.within(4.1), 60)

    assert asyncio.run(go()) is True

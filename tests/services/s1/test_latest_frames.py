from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from metrics_kit import growth

from services.s1.live import LatestFrames
from shared.bus import FrameRecord


def record(index: int, kind: str = "frame") -> FrameRecord:
    return FrameRecord(kind, index, float(index), b"", index + 1, 0.0)  # type: ignore[arg-type]


async def source(records: list[FrameRecord]) -> AsyncIterator[FrameRecord]:
    for one in records:
        yield one


def run_through(size: int, records: list[FrameRecord]) -> tuple[list[FrameRecord], list[tuple[int, float]]]:
    drops: list[tuple[int, float]] = []

    async def on_drop(count: int, t: float) -> None:
        drops.append((count, t))

    async def go() -> list[FrameRecord]:
        latest = LatestFrames(size, on_drop)
        async with latest.fed_by(source(records)) as fresh:
            await asyncio.sleep(0.05)  # the consumer is slow: all of it has arrived by now
            return [one async for one in fresh]

    return asyncio.run(go()), drops


def test_the_oldest_frames_are_dropped_and_counted() -> None:
    dropped = growth("dsb_frames_dropped_total", service="s1", reason="slow_model")
    kept, drops = run_through(3, [record(i) for i in range(10)])
    assert dropped() == 7
    assert [one.index for one in kept] == [7, 8, 9]
    assert drops == [(7, 6.0)]


def test_the_end_of_the_stream_is_never_dropped() -> None:
    kept, _ = run_through(2, [record(0, "eos"), *(record(i) for i in range(1, 6))])
    assert [one.kind for one in kept] == ["eos", "frame"]


def test_nothing_is_dropped_while_there_is_room() -> None:
    kept, drops = run_through(8, [record(i) for i in range(8)])
    assert len(kept) == 8
    assert drops == []

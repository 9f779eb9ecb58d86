"""What gives way when S1 falls behind is what the stream's policy says, and each frame that gave way is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from metrics_kit import growth

from services.s1.live import LatestFrames
from shared.bus import FrameRecord
from shared.messages import Slow


def record(index: int, kind: str = "frame") -> FrameRecord:
    return FrameRecord(kind, index, float(index), b"", index + 1, 0.0)  # type: ignore[arg-type]


async def source(records: list[FrameRecord]) -> AsyncIterator[FrameRecord]:
    for one in records:
        yield one


def run_through(
    size: int, records: list[FrameRecord], slow: Slow = Slow.DROP_OLDEST
) -> tuple[list[FrameRecord], list[tuple[int, float]]]:
    """What is still fresh when all has arrived before any was taken, and the drops that were told."""
    drops: list[tuple[int, float]] = []

    async def on_drop(count: int, t: float) -> None:
        drops.append((count, t))

    async def go() -> list[FrameRecord]:
        latest = LatestFrames(size, on_drop, slow=slow)
        async with latest.fed_by(source(records)) as fresh:
            await asyncio.sleep(0.05)  # the consumer is slow: all of it has arrived by now
            return [one async for one in fresh]

    return asyncio.run(go()), drops


@pytest.mark.parametrize(
    ("slow", "stay", "told"),
    [
        (Slow.DROP_OLDEST, [7, 8, 9], [(7, 6.0)]),
        (Slow.DROP_NEWEST, [0, 1, 2], [(7, 9.0)]),
        (Slow.DOWNSAMPLE, [0, 5], [(8, 9.0)]),
        (Slow.BLOCK, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], []),
    ],
)
def test_what_the_policy_says_is_dropped_and_counted(
    slow: Slow, stay: list[int], told: list[tuple[int, float]]
) -> None:
    dropped = growth("dsb_frames_dropped_total", service="s1", reason="slow_model")
    kept, drops = run_through(3, [record(i) for i in range(10)], slow)
    assert [one.index for one in kept] == stay
    assert drops == told
    assert dropped() == 10 - len(stay)


def test_who_drops_nothing_counts_what_the_log_had_forgotten_meanwhile() -> None:
    dropped = growth("dsb_frames_dropped_total", service="s1", reason="log_full")
    kept, drops = run_through(8, [record(i) for i in (4, 5, 9, 10)], Slow.BLOCK)
    assert [one.index for one in kept] == [4, 5, 9, 10]  # where it began to follow, none was missed
    assert drops == [(3, 9.0)]
    assert dropped() == 3


@pytest.mark.parametrize("slow", Slow)
def test_the_end_of_the_stream_is_never_dropped(slow: Slow) -> None:
    kept, _ = run_through(2, [record(0, "eos"), *(record(i) for i in range(1, 6))], slow)
    assert "eos" in [one.kind for one in kept]


@pytest.mark.parametrize("slow", Slow)
def test_nothing_is_dropped_while_there_is_room(slow: Slow) -> None:
    kept, drops = run_through(8, [record(i) for i in range(8)], slow)
    assert len(kept) == 8
    assert drops == []

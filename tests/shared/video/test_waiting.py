from __future__ import annotations

from itertools import pairwise

import pytest

from shared.messages import Slow
from shared.video import Waiting


def drained(line: Waiting[int]) -> list[int]:
    return [line.take() for _ in range(len(line))]


def filled(size: int, slow: Slow, count: int) -> tuple[list[int], list[int]]:
    """What is kept and what gave way when `count` frames find nobody who takes them."""
    line: Waiting[int] = Waiting(size, slow)
    gone = [item for number in range(count) for item in line.put(number)]
    return drained(line), sorted(gone)


def test_the_oldest_gives_way() -> None:
    assert filled(3, Slow.DROP_OLDEST, 10) == ([7, 8, 9], [0, 1, 2, 3, 4, 5, 6])


def test_the_newest_gives_way() -> None:
    assert filled(3, Slow.DROP_NEWEST, 10) == ([0, 1, 2], [3, 4, 5, 6, 7, 8, 9])


def test_nothing_gives_way_where_all_is_wanted() -> None:
    assert filled(3, Slow.BLOCK, 10) == (list(range(10)), [])


def test_who_wants_all_is_told_when_the_line_is_full() -> None:
    line: Waiting[int] = Waiting(2, Slow.BLOCK)
    line.put(0)
    assert not line.full
    line.put(1)
    assert line.full


def test_a_downsampled_line_spans_all_that_has_come() -> None:
    kept, gone = filled(4, Slow.DOWNSAMPLE, 64)
    steps = {after - before for before, after in pairwise(kept)}
    assert len(kept) <= 4
    assert kept[0] < 16
    assert kept[-1] >= 32
    assert min(steps) * 2 >= max(steps)
    assert sorted([*kept, *gone]) == list(range(64))


def test_a_downsampled_stream_comes_whole_again_when_nobody_waits() -> None:
    line: Waiting[int] = Waiting(2, Slow.DOWNSAMPLE)
    for number in range(12):
        line.put(number)
    assert line.stride > 1
    drained(line)
    for number in range(100):
        line.put(number)
        drained(line)
    assert line.stride == 1
    assert line.put(100) == []


@pytest.mark.parametrize("slow", Slow)
def test_what_is_solid_never_gives_way(slow: Slow) -> None:
    line: Waiting[int] = Waiting(2, slow)
    line.put(-1, solid=True)
    gone = [item for number in range(20) for item in line.put(number)]
    assert -1 not in gone
    assert drained(line)[0] == -1

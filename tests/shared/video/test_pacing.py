from __future__ import annotations

from shared.video import Pacer


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_frames_are_due_when_the_wall_clock_reaches_them() -> None:
    clock = _Clock()
    pacer = Pacer(interval=0.5, clock=clock)
    assert pacer.wait_s(0.0) == 0.0
    assert pacer.wait_s(2.0) == 2.0
    clock.now += 1.5
    assert pacer.wait_s(2.0) == 0.5


def test_a_frame_is_late_when_it_is_behind_by_more_than_one_interval() -> None:
    clock = _Clock()
    pacer = Pacer(interval=0.5, clock=clock)
    clock.now += 2.0
    assert not pacer.late(1.5)
    assert pacer.late(1.4)


def test_a_stream_that_is_taken_over_goes_on_where_it_is_now() -> None:
    pacer = Pacer(interval=0.5, position=40.0, clock=_Clock())
    assert pacer.now == 40.0
    assert pacer.wait_s(41.0) == 1.0

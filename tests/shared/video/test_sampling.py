from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from shared.video.sampling import Clock, Sampler, to_seconds

RATES = st.sampled_from([0.2, 0.5, 1.0, 2.0, 3.0, 7.5, 29.97, 30.0])
TIMES = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=200, unique=True).map(sorted)


@given(RATES, TIMES)
def test_each_sampled_picture_is_the_first_at_or_beyond_a_grid_point_of_its_own(
    fps: float, micros: list[int]
) -> None:
    sampler, rate = Sampler(fps), Fraction(str(fps))
    times = [Fraction(m, 1_000_000) for m in micros]
    taken = [t for t in times if sampler.take(t)]
    cells = [t * rate // 1 for t in taken]
    assert len(set(cells)) == len(cells)
    for t, cell in zip(taken, cells, strict=True):
        before = [u for u in times if u < t]
        assert not before or before[-1] * rate <= cell or before[-1] * rate // 1 < cell or before[-1] in taken


@given(RATES, TIMES)
def test_sampling_takes_the_first_picture_and_never_exceeds_the_rate(fps: float, micros: list[int]) -> None:
    sampler = Sampler(fps)
    taken = [m for m in micros if sampler.take(Fraction(m, 1_000_000))]
    assert taken[0] == micros[0]
    assert len(taken) <= (micros[-1] / 1e6) * fps + 1


def test_a_constant_source_of_30_gives_every_second_picture_at_15() -> None:
    sampler = Sampler(15)
    assert [k for k in range(10) if sampler.take(Fraction(k, 30))] == [0, 2, 4, 6, 8]


def test_ntsc_rates_do_not_drift_over_hours() -> None:
    sampler = Sampler(1.0)
    taken = [t for k in range(29 * 3600, 29 * 3600 + 3000) if sampler.take(t := Fraction(k * 1001, 30000))]
    assert all(0 <= t % 1 < Fraction(1001, 30000) for t in taken[1:])


def test_the_clock_starts_at_zero_and_repairs_a_missing_time() -> None:
    clock = Clock(Fraction(1, 1000), start=None, rate=Fraction(25))
    assert [clock.read(pts) for pts in (400, None, 480)] == [0, Fraction(40, 1000), Fraction(80, 1000)]


def test_the_clock_drops_pictures_that_do_not_come_later() -> None:
    clock = Clock(Fraction(1, 1000), start=0, rate=Fraction(25))
    assert [clock.read(pts) for pts in (0, 40, 40, 20, 80)] == [
        0,
        Fraction(1, 25),
        None,
        None,
        Fraction(2, 25),
    ]


def test_the_clock_goes_on_after_time_jumped_back() -> None:
    clock = Clock(Fraction(1, 1000), start=0, rate=Fraction(25))
    times = [clock.read(pts) for pts in (0, 5000, 0, 40)]
    assert times == [0, 5, 5 + Fraction(1, 25), 5 + Fraction(2, 25)]


def test_seconds_are_rounded_to_microseconds() -> None:
    assert to_seconds(Fraction(1, 3)) == 0.333333

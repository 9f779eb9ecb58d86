from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.messages import WindowSpec
from shared.perception import window

specs = st.builds(
    WindowSpec,
    frames=st.integers(1, 40),
    stride=st.integers(1, 12),
    hop=st.integers(1, 50),
)
newest = st.integers(0, 5000)


@given(newest, specs)
def test_a_window_holds_consecutive_multiples_of_the_stride_up_to_the_newest(
    n: int, spec: WindowSpec
) -> None:
    seen = window(n, spec)
    assert seen == list(range(seen[0], n + 1, spec.stride))
    assert seen[0] % spec.stride == 0
    assert n - seen[-1] < spec.stride


@given(newest, specs)
def test_a_window_is_bounded_and_never_falls_short_by_a_hop(n: int, spec: WindowSpec) -> None:
    least = min(n // spec.stride + 1, spec.frames - min(spec.hop, spec.frames) + 1)
    assert least <= len(window(n, spec)) <= spec.frames


@given(newest, specs)
def test_the_oldest_frame_of_a_window_is_within_its_reach(n: int, spec: WindowSpec) -> None:
    assert n - window(n, spec)[0] <= spec.reach


@given(newest, specs)
def test_from_one_frame_to_the_next_a_window_grows_or_slides_by_whole_hops(n: int, spec: WindowSpec) -> None:
    before, after = window(n, spec), window(n + 1, spec)
    left = [index for index in before if index not in after]
    assert left == before[: len(left)]
    assert not left or len(left) == min(spec.hop, spec.frames)


@given(st.integers(-100, -1), specs)
def test_before_the_first_frame_the_window_is_empty(n: int, spec: WindowSpec) -> None:
    assert window(n, spec) == []


@given(newest, specs)
def test_with_the_newest_frame_a_window_is_a_smaller_one_and_that_frame(n: int, spec: WindowSpec) -> None:
    asked = spec.model_copy(update={"newest": True})
    seen = window(n, asked)
    assert seen[-1] == n or spec.frames == 1
    assert len(seen) <= spec.frames
    fewer = spec.model_copy(update={"frames": max(1, spec.frames - (spec.stride > 1))})
    assert [index for index in seen if index % spec.stride == 0] == window(n, fewer)

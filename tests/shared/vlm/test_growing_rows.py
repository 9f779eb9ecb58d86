from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from shared.vlm.growing import GrowingLayer


def rows(n: int, value: float = 0.0) -> Tensor:
    """Keys or values `[1, 2, n, 4]`."""
    return torch.full((1, 2, n, 4), value)


def layer(n: int, value: float = 0.0) -> GrowingLayer:
    made: Any = GrowingLayer
    made = made()
    made.update(rows(n, value), rows(n, -value))
    return made  # type: ignore[no-any-return]


def seen(of: GrowingLayer) -> list[float]:
    keys, values = of.keys, of.values
    assert isinstance(keys, Tensor)
    assert isinstance(values, Tensor)
    assert torch.equal(keys, -values)
    return keys[0, 0, :, 0].tolist()


def place(of: GrowingLayer) -> int:
    assert isinstance(of.keys, Tensor)
    return of.keys.data_ptr()


def test_questions_one_after_another_write_behind_the_prefix_without_copying_it() -> None:
    held = layer(3, 1)
    for value in (2.0, 3.0):
        fork = held.fork()
        fork.update(rows(2, value), rows(2, -value))
        assert seen(fork) == [1, 1, 1, value, value]
        assert place(fork) == place(held)
        assert seen(held) == [1, 1, 1]
        del fork


def test_two_questions_at_once_do_not_write_over_each_other() -> None:
    held = layer(3, 1)
    first, second = held.fork(), held.fork()
    first.update(rows(1, 2), rows(1, -2))
    second.update(rows(1, 3), rows(1, -3))
    assert (seen(first), seen(second)) == ([1, 1, 1, 2], [1, 1, 1, 3])
    assert place(first) == place(held) != place(second)


def test_a_prefix_that_grew_is_not_written_over_by_a_question_about_the_shorter_one() -> None:
    held = layer(3, 1)
    longer = held.fork()
    longer.update(rows(2, 2), rows(2, -2))
    behind = longer.fork()
    late = held.fork()
    late.update(rows(1, 9), rows(1, -9))
    behind.update(rows(1, 3), rows(1, -3))
    assert (seen(longer), seen(behind), seen(late)) == ([1, 1, 1, 2, 2], [1, 1, 1, 2, 2, 3], [1, 1, 1, 9])


def test_room_that_is_used_up_is_made_anew_and_the_old_rows_stay() -> None:
    held = layer(3, 1)
    fork = held.fork()
    fork.update(rows(2000, 2), rows(2000, -2))
    assert seen(fork) == [1] * 3 + [2] * 2000
    assert seen(held) == [1, 1, 1]
    assert fork.nbytes > 2 * 2003 * 2 * 4 * 4 > held.nbytes


def test_rows_written_in_inference_mode_can_be_extended_outside_of_it() -> None:
    with torch.inference_mode():
        held = layer(3, 1)
    fork = held.fork()
    fork.update(rows(1, 2), rows(1, -2))
    assert seen(fork) == [1, 1, 1, 2]


def test_many_threads_ask_at_once_and_each_reads_its_own() -> None:
    held = layer(50, 1)

    def asked(value: int) -> bool:
        fork = held.fork()
        for _ in range(20):
            fork.update(rows(1, value), rows(1, -value))
        return seen(fork) == [1] * 50 + [value] * 20

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(asked, range(2, 200)))
    assert seen(held) == [1] * 50


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["fork", "grow", "drop"]), st.integers(0, 9), st.integers(1, 300))))
def test_whatever_forks_grows_and_goes_each_layer_reads_what_was_appended_to_it(
    steps: list[tuple[str, int, int]],
) -> None:
    alive: list[tuple[GrowingLayer, list[float], bool]] = [(layer(2, 1), [1, 1], False)]
    for value, (what, which, count) in enumerate(steps, start=2):
        which %= len(alive)
        one, expected, forked = alive[which]
        if what == "fork":
            alive[which] = (one, expected, True)
            alive.append((one.fork(), list(expected), False))
        elif what == "grow" and not forked:  # who was forked is never written again
            one.update(rows(count, value), rows(count, -value))
            alive[which] = (one, expected + [value] * count, False)
        elif what == "drop" and len(alive) > 1:
            del alive[which], one
            gc.collect(0)
        assert all(seen(other) == should for other, should, _ in alive)

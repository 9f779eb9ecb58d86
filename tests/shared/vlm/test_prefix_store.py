from __future__ import annotations

import pytest
import torch

from shared.messages import WindowSpec
from shared.perception import window
from shared.vlm.base import Reuse, Unit
from shared.vlm.prefix import Held, PrefixStats, PrefixStore, cuts


def held(ids: list[int], *, newest: int = 0, size: int = 10) -> Held:
    key = torch.tensor(ids)
    return Held(key, torch.arange(len(ids))[None], 1, newest, None, size)


def find(store: PrefixStore, stream: str, ids: list[int]) -> Held | None:
    return store.find(stream, torch.tensor(ids), torch.arange(len(ids))[None])


def test_a_prefix_is_found_only_by_a_prompt_that_begins_with_all_of_it_and_goes_on() -> None:
    store = PrefixStore(100)
    store.keep("a", held([1, 2, 3]))
    assert find(store, "a", [1, 2, 3, 4]) is not None
    assert find(store, "a", [1, 2, 3]) is None
    assert find(store, "a", [1, 9, 3, 4]) is None
    assert find(store, "b", [1, 2, 3, 4]) is None


def test_the_same_tokens_at_other_positions_are_another_prefix() -> None:
    store = PrefixStore(100)
    store.keep("a", held([1, 2, 3]))
    assert store.find("a", torch.tensor([1, 2, 3, 4]), torch.arange(1, 5)[None]) is None


def test_the_least_recently_used_stream_goes_first() -> None:
    store = PrefixStore(25)
    store.keep("a", held([1]))
    store.keep("b", held([2]))
    assert find(store, "a", [1, 0]) is not None
    store.keep("c", held([3]))
    assert find(store, "b", [2, 0]) is None
    assert find(store, "a", [1, 0]) is not None
    assert store.stats() == PrefixStats(streams=2, size=20, evicted=1)


def test_a_prefix_larger_than_the_budget_is_not_held_and_puts_nobody_out() -> None:
    store = PrefixStore(25)
    store.keep("a", held([1]))
    store.keep("b", held([2], size=26))
    assert store.stats() == PrefixStats(streams=1, size=10, evicted=1)


def test_a_longer_prefix_replaces_the_shorter_one_of_its_stream() -> None:
    store = PrefixStore(25)
    store.keep("a", held([1]))
    store.keep("a", held([1, 2], newest=1, size=20))
    assert store.stats() == PrefixStats(streams=1, size=20, evicted=0)


def test_a_question_about_the_past_does_not_replace_what_is_ahead_of_it() -> None:
    store = PrefixStore(100)
    store.keep("a", held([1, 2], newest=5))
    store.keep("a", held([7], newest=3))
    assert find(store, "a", [1, 2, 0]) is not None
    store.forget("a")
    assert store.stats() == PrefixStats(streams=0, size=0, evicted=0)


PLACEHOLDER, ROWS = 7, 3


def ends(indices: list[int], reuse: Reuse) -> list[int]:
    """Indices of the frames behind which chunks end."""
    units = [Unit(torch.zeros(ROWS, 1), (), (), (float(i),), i) for i in indices]
    ids = torch.tensor([[1, *[PLACEHOLDER] * ROWS * len(units), 2]])
    found = cuts(ids, PLACEHOLDER, units, reuse)
    assert [tokens for _, tokens in found] == [1 + ROWS * number for number, _ in found]
    return [indices[number - 1] for number, _ in found]


def test_chunks_end_where_a_stride_closes() -> None:
    assert ends([0, 1, 2, 3, 4], Reuse("a")) == [0, 1, 2, 3, 4]
    assert ends([0, 1, 2, 3, 4], Reuse("a", 2)) == [1, 3]
    assert ends([], Reuse("a", 2)) == []


def test_a_window_that_has_slid_begins_with_one_chunk() -> None:
    assert ends([4, 5, 6, 7, 8], Reuse("a", at_least=4)) == [7, 8]
    assert ends([4, 5, 6, 7, 8, 9], Reuse("a", 2, at_least=5)) == [7, 9]
    assert ends([4, 5, 6, 7, 8, 9], Reuse("a", 4, at_least=3)) == [7]


def test_no_chunk_ends_behind_a_frame_beside_the_grid() -> None:
    assert ends([0, 5, 10, 12], Reuse("a", every=5)) == [0, 5, 10]
    assert ends([10, 15, 20, 23], Reuse("a", every=5, at_least=3)) == [20]
    assert ends([3, 10, 12, 15, 20], Reuse("a", every=5)) == [10, 15, 20]


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(
    "spec",
    [
        WindowSpec(),
        WindowSpec(frames=8, hop=3),
        WindowSpec(frames=4, hop=9),
        WindowSpec(frames=6, stride=5, newest=True),
    ],
)
def test_a_chunk_that_ends_somewhere_ends_there_however_far_the_window_has_grown(
    spec: WindowSpec, stride: int
) -> None:
    reuse = Reuse("a", stride, spec.stride, spec.at_least)
    told: dict[int, list[int]] = {}
    for newest in range(60 * spec.stride):
        seen = window(newest, spec)
        found = ends(seen, reuse)
        before = told.setdefault(seen[0], found)
        assert found[: len(before)] == before
        told[seen[0]] = found

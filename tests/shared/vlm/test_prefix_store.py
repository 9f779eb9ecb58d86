from __future__ import annotations

import torch

from shared.vlm.prefix import Held, PrefixStats, PrefixStore


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

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from bench_kit import quick, sample
from hypothesis import given
from hypothesis import strategies as st

from bench.data.schema import Part
from bench.data.shards import Load, assign, loads_of, stratified, watched_s
from shared.errors import ConfigError


@quick
@given(costs=st.lists(st.integers(1, 9).map(float), min_size=1, max_size=7), data=st.data())
def test_shards_are_balanced_as_well_as_the_greedy_rule_promises_and_none_is_empty(
    costs: list[float], data: st.DataObject
) -> None:
    shards = data.draw(st.integers(1, min(3, len(costs))))
    placed = assign(costs, shards)
    loads = Counter(dict.fromkeys(range(shards), 0.0))
    for cost, shard in zip(costs, placed, strict=True):
        loads[shard] += cost
    best = min(
        max(sum(c for c, s in zip(costs, way, strict=True) if s == n) for n in range(shards))
        for way in itertools.product(range(shards), repeat=len(costs))
    )
    assert set(placed) == set(range(shards))
    assert max(loads.values()) <= best * (4 / 3 - 1 / (3 * shards)) + 1e-9


def test_videos_without_any_cost_are_spread_too() -> None:
    assert Counter(assign([0.0] * 6, 3)) == {0: 2, 1: 2, 2: 2}


@pytest.mark.parametrize("shards", [0, 4])
def test_more_shards_than_videos_are_refused(shards: int) -> None:
    with pytest.raises(ConfigError, match=f"{shards} shards of 3 videos.*from 1 to 3"):
        assign([1.0, 2.0, 3.0], shards)


def test_a_video_is_played_once_up_to_its_last_question() -> None:
    found = loads_of([("b", Load(30, 2)), ("a", Load(5, 1)), ("b", Load(20, 1))])
    assert found == {"b": Load(30, 3), "a": Load(5, 1)}
    assert found["b"].cost == 36


def test_a_question_that_stands_is_watched_for_a_minute_but_not_past_the_end() -> None:
    assert watched_s(sample("a", ask_s=10.5)) == 10.5
    assert watched_s(sample("a", ask_s=10.5, part=Part.PROACTIVE)) == 60
    assert watched_s(sample("a", ask_s=70, part=Part.PROACTIVE)) == 70


@quick
@given(
    strata=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), min_size=1, max_size=40),
    size=st.integers(1, 45),
    seed=st.integers(0, 3),
)
def test_a_small_sample_has_every_kind_in_its_share_and_is_the_same_each_time(
    strata: list[tuple[str, str]], size: int, seed: int
) -> None:
    ids = [f"s{n}" for n in range(len(strata))]
    chosen = stratified(strata, ids, size, seed=seed)
    got, there = Counter(strata[n] for n in chosen), Counter(strata)
    assert len(set(chosen)) == len(chosen) == min(size, len(strata))
    assert chosen == sorted(chosen) == stratified(strata, ids, size, seed=seed)
    if size >= len(there):
        assert set(got) == set(there)
    for one, other in itertools.combinations(there, 2):
        if there[one] == there[other]:
            assert abs(got[one] - got[other]) <= 1


def test_what_a_small_sample_takes_does_not_hang_on_the_order_of_the_set() -> None:
    ids = [f"s{n}" for n in range(30)]
    some = {ids[n] for n in stratified([("p", "t")] * 30, ids, 8)}
    turned = ids[::-1]
    assert {turned[n] for n in stratified([("p", "t")] * 30, turned, 8)} == some
    assert {ids[n] for n in stratified([("p", "t")] * 30, ids, 8, seed=1)} != some

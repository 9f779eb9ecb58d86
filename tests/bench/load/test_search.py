"""The highest load that is borne is found with few trials."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.search import highest


@given(st.integers(0, 300), st.integers(1, 256), st.integers(1, 64))
def test_the_highest_number_borne_is_found_whatever_the_start(limit: int, most: int, first: int) -> None:
    assert highest(lambda load: load <= limit, first=first, most=most) == min(limit, most)


@given(st.integers(1, 240))
def test_a_rough_search_is_no_further_off_than_it_may_be(limit: int) -> None:
    found = highest(lambda load: load <= limit, first=16, most=240, within=0.05)
    assert found <= limit <= found + max(1, 0.05 * found)


@pytest.mark.parametrize("limit", [0, 7, 64, 1000])
def test_no_load_is_tried_twice(limit: int) -> None:
    tried: list[int] = []

    def bears(load: int) -> bool:
        tried.append(load)
        return load <= limit

    highest(bears, first=8, most=256)
    assert len(tried) == len(set(tried)) <= 14

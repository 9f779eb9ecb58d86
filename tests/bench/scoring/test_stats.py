from __future__ import annotations

import numpy as np
import pytest
from bench_kit import quick
from hypothesis import given
from hypothesis import strategies as st

from bench.scoring.stats import estimate, paired


def test_nothing_has_no_mean_and_one_video_no_interval() -> None:
    assert estimate([], []).value is None
    one = estimate([1, 0, 1, 1], [7, 7, 7, 7])
    assert (one.value, one.low, one.high, one.clusters) == (0.75, None, None, 1)


def test_the_same_seed_gives_the_same_interval() -> None:
    values, clusters = [1, 0, 1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3]
    assert estimate(values, clusters, seed=3) == estimate(values, clusters, seed=3)


def test_questions_of_one_video_are_no_independent_evidence() -> None:
    rng = np.random.default_rng(0)
    videos = [float(rng.random() < 0.5) for _ in range(30)]
    values = [video for video in videos for _ in range(10)]
    clustered = estimate(values, [i // 10 for i in range(300)])
    naive = estimate(values, list(range(300)))
    assert clustered.high is not None
    assert clustered.low is not None
    assert naive.high is not None
    assert naive.low is not None
    assert clustered.high - clustered.low > 2 * (naive.high - naive.low)


def test_a_gain_on_every_video_has_an_interval_above_zero_though_both_scores_vary() -> None:
    first = [0, 0, 1, 0, 1, 0, 1, 1, 0, 0]
    second = [1, 0, 1, 1, 1, 1, 1, 1, 1, 0]
    gain = paired(first, second, [i // 2 for i in range(10)])
    assert gain.value == pytest.approx(0.4)
    assert gain.low is not None
    assert gain.low > 0


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(100):
        values = [float(v) for v in rng.random(60) < 0.7]
        made = estimate(values, [i // 2 for i in range(60)], seed=seed)
        assert made.low is not None
        assert made.high is not None
        hits += made.low <= 0.7 <= made.high
    assert hits >= 86


@quick
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
def test_the_mean_lies_in_its_interval_and_both_in_range(pairs: list[tuple[bool, int]]) -> None:
    made = estimate([float(v) for v, _ in pairs], [c for _, c in pairs])
    assert made.value is not None
    assert 0 <= made.value <= 1
    if made.low is not None and made.high is not None:
        assert 0 <= made.low <= made.high <= 1
        assert made.low - 1e-6 <= made.value <= made.high + 1e-6

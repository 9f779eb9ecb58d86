from __future__ import annotations

import numpy as np
import pytest
from bench_kit import quick
from hypothesis import given
from hypothesis import strategies as st

from bench.scoring.measures import Measure, balanced, f1, ratio
from bench.scoring.stats import GROUPS, difference, estimate, mcnemar, measured, paired, sign_flip


def _hits(values: list[float], clusters: list[int]) -> Measure:
    rows = np.array([[value, 1.0] for value in values]).reshape(-1, 2)
    return Measure("accuracy", rows, np.array(clusters, dtype=np.int64), ratio)


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


def test_a_score_of_totals_is_resampled_as_one() -> None:
    rows = np.array([[1.0, 0, 0], [0, 3, 0], [2, 1, 1], [1, 0, 2]])
    found = measured(Measure("F1", rows, np.arange(4), f1))
    assert found.value == pytest.approx(8 / 15, abs=1e-6)
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low < found.value < found.high <= 1


def test_a_state_that_never_holds_is_left_out_of_balanced_accuracy() -> None:
    assert balanced(np.array([3.0, 4, 0, 0])) == 0.75
    assert balanced(np.array([0.0, 0, 1, 4])) == 0.25
    assert np.isnan(balanced(np.zeros(4)))


def test_a_difference_of_two_ratios_has_an_interval_from_the_same_draws() -> None:
    clusters = np.arange(8)
    worse = Measure("F1", np.array([[1.0, 2, 1]] * 8), clusters, f1)
    better = Measure("F1", np.array([[2.0, 1, 0]] * 8), clusters, f1)
    gain = difference(worse, better)
    assert gain.value == pytest.approx(0.4, abs=1e-6)
    assert (gain.low, gain.high) == (gain.value, gain.value)


def test_the_sign_flip_test_tries_every_exchange_of_few_videos() -> None:
    first, second = _hits([0.0] * 5, list(range(5))), _hits([1.0] * 5, list(range(5)))
    assert sign_flip(first, second) == 2 / 32
    assert sign_flip(first, first) == 1.0
    assert sign_flip(_hits([0.0], [0]), _hits([1.0], [0])) is None


def test_the_sign_flip_test_holds_its_level() -> None:
    rng = np.random.default_rng(5)
    small = 0
    for seed in range(100):
        values = rng.random((2, 30)) < 0.5
        first, second = (_hits(row.astype(float).tolist(), list(range(30))) for row in values)
        p = sign_flip(first, second, seed=seed)
        assert p is not None
        small += p <= 0.1
    assert small <= 18


def test_mcnemar_is_exact() -> None:
    # b = 1, c = 9: 2 (C(10, 0) + C(10, 1)) / 2^10.
    assert mcnemar(1, 9) == pytest.approx(22 / 1024, abs=1e-6)
    assert mcnemar(9, 1) == mcnemar(1, 9)
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(0, 4000) == 0.0


def test_many_videos_are_resampled_in_groups_with_about_the_same_interval() -> None:
    rng = np.random.default_rng(2)
    count = 3 * GROUPS
    values = (rng.random(count) < 0.6).astype(float).tolist()
    found = estimate(values, list(range(count)))
    assert found.clusters == count
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * (0.24 / count) ** 0.5, rel=0.1)

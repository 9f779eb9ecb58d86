"""Replayed policies: what always holds, whatever the outcomes and the scores."""

from __future__ import annotations

import math
import shutil
from pathlib import Path as FilePath
from typing import ClassVar

import numpy as np
import pytest
from bench_kit import quick
from hypothesis import given
from hypothesis import strategies as st
from memory_kit import HashEncoder
from routing_kit import paired_run, table

from bench.routing.metrics import LAMBDAS, Chosen, curve, oracle_accuracy, regrets, right
from bench.routing.paired import CostUnit, Paired, paired
from bench.routing.replay import Replay, oracle, replay
from bench.routing.results import results
from shared.errors import ConfigError, DataError
from shared.memory import Vector

ROOT = FilePath(__file__).resolve().parents[3]
OUTCOMES = [(0, 1), (1, 1), (1, 0), (1, 1), (0, 0), (0, 1), (1, 1), (0, 0)]

questions = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 4), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)
"""Right on S1, right on S2, score in quarters, video."""


def _made(drawn: list[tuple[int, int, int, int]]) -> tuple[Paired, Replay]:
    y1, y2, scores, videos = zip(*drawn, strict=True)
    made = table(y1, y2, videos=videos)
    score = np.array(scores) / 4
    return made, Replay("drawn", Chosen(score >= 0.5, score), (), 0.0, 0, 0)


@quick
@given(drawn=questions)
def test_the_oracle_is_above_every_policy_and_every_policy_above_the_worst(
    drawn: list[tuple[int, int, int, int]],
) -> None:
    made, policy = _made(drawn)
    outcome = made.outcome
    got = float(right(outcome, policy.chosen.s2).mean())
    worst = float(np.minimum(outcome.y1, outcome.y2).mean())
    best = float(right(outcome, oracle(made).chosen.s2).mean())
    assert worst <= got <= best
    points = curve(outcome, policy.chosen.score)
    for rho, accuracy in zip(points.rho.tolist(), points.accuracy.tolist(), strict=True):
        assert worst - 1e-9 <= accuracy <= oracle_accuracy(outcome, rho) + 1e-9


@quick
@given(drawn=questions, staged=st.booleans())
def test_regret_is_never_negative_and_the_oracle_of_a_price_has_none(
    drawn: list[tuple[int, int, int, int]], staged: bool
) -> None:
    made, policy = _made(drawn)
    outcome = made.outcome
    for price in LAMBDAS:
        found = regrets(outcome, policy.chosen._replace(staged=staged), price)
        assert found is not None
        assert found.min() >= -1e-9
        none = regrets(outcome, oracle(made, price).chosen, price)
        assert none is not None
        assert abs(none).max() < 1e-9


@quick
@given(drawn=questions)
def test_every_number_is_a_number_within_its_bounds_or_null(drawn: list[tuple[int, int, int, int]]) -> None:
    found = results(*_made(drawn))
    for name in ("rho", "accuracy", "s1", "s2"):
        value = getattr(found, name).value
        assert 0 <= value <= 1
    assert -1 <= found.lift.value <= 1
    assert found.gap_closed.value is None or found.gap_closed.value <= 1 + 1e-9
    assert found.apgr is not None
    assert (found.apgr.value is None) == (found.s2.value <= found.s1.value)
    assert (found.pgr is None) == (found.s2.value <= found.s1.value)
    assert sum(found.cells[:4]) == found.n


@quick
@given(drawn=questions)
def test_a_policy_that_knows_nothing_lies_on_the_random_line(drawn: list[tuple[int, int, int, int]]) -> None:
    made, _ = _made(drawn)
    outcome = made.outcome
    points = curve(outcome, np.full(len(drawn), 0.5))
    assert points.rho.tolist() == [0.0, 1.0]
    # Whatever is sent, at every share alike: the mean over all ways to send it is the line.
    ways = [np.roll(np.arange(len(drawn)) < len(drawn) // 2, by) for by in range(len(drawn))]
    rho = (len(drawn) // 2) / len(drawn)
    mean = float(np.mean([right(outcome, way).mean() for way in ways]))
    assert mean == pytest.approx((1 - rho) * outcome.y1.mean() + rho * outcome.y2.mean())


def test_random_at_a_share_is_near_the_line_and_the_lift_s_interval_holds_zero() -> None:
    rng = np.random.default_rng(3)
    made = table(rng.integers(0, 2, 4000).tolist(), rng.integers(0, 2, 4000).tolist())
    found = results(made, replay(made, "random@0.4"))
    assert found.rho.value == pytest.approx(0.4, abs=0.03)
    assert found.lift.low is not None
    assert found.lift.high is not None
    assert found.lift.low <= 0 <= found.lift.high


def test_one_video_gives_numbers_without_intervals() -> None:
    made = table([0, 1, 1, 0], [1, 1, 0, 0], videos=[0, 0, 0, 0])
    found = results(made, replay(made, "random@0.5"))
    assert found.accuracy.value is not None
    assert (found.accuracy.low, found.lift.high, found.videos) == (None, None, 1)
    assert found.apgr is not None
    assert found.apgr.low is None


def test_a_cascade_is_replayed_by_s1s_recorded_confidence_and_pays_for_both() -> None:
    made = table([1, 0, 1, 0], [1, 1, 0, 1], confidence=[0.9, 0.3, 0.8, 0.5])
    found = results(made, replay(made, "cascade@0.6"))
    assert (found.accuracy.value, found.rho.value) == (1.0, 0.5)
    assert found.cost.value == pytest.approx((1 + 6 + 1 + 6) / 4)
    assert found.curve[-1].cost == pytest.approx(6)
    everything = results(made, replay(made, "both"))
    assert everything.cost.value == pytest.approx(6)
    assert everything.apgr is None


def test_a_table_is_made_of_a_paired_run(tmp_path: FilePath) -> None:
    folder = paired_run(tmp_path, OUTCOMES)
    made = paired(folder)
    by_key = {row.key.sample: at for at, row in enumerate(made.rows)}
    for number, (one, two) in enumerate(OUTCOMES):
        at = by_key[f"q{number}"]
        assert (made.outcome.y1[at], made.outcome.y2[at]) == (one, two)
        assert made.rows[at].first.confidence == (0.9 if one else 0.4)
        assert made.rows[at].state.asked == number % 2
        assert made.rows[at].state.since_s == (1.0 if number % 2 else None)
    assert (made.outcome.c1[0], made.outcome.c2[0]) == (1.0, 3.0)
    assert paired(folder, unit=CostUnit.TOKENS).outcome.c2[0] == 30.0
    assert paired(folder, unit=CostUnit.LATENCY).outcome.c2[0] == 6.0
    assert {row.part for row in paired(folder, parts=["reasoning"]).rows} == {"reasoning"}
    with pytest.raises(DataError, match="usd"):
        paired(folder, unit=CostUnit.USD)


def test_the_rules_find_what_only_s2_knows(tmp_path: FilePath) -> None:
    made = paired(paired_run(tmp_path, OUTCOMES))
    found = results(made, replay(made, "rule"))
    assert found.accuracy.value == pytest.approx(6 / 8)
    assert found.gap_closed.value == 1.0
    assert found.cells.missed == 0
    assert not math.isnan(found.router_s)


def test_a_run_of_one_path_is_no_paired_run(tmp_path: FilePath) -> None:
    folder = paired_run(tmp_path, OUTCOMES)
    lines = [line for line in folder.records_path.read_text().splitlines() if '"path":"s1"' in line]
    folder.records_path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="--route both"):
        paired(folder)


def test_a_route_that_cannot_be_is_refused_before_anything_is_replayed() -> None:
    with pytest.raises(ConfigError, match="rule"):
        replay(table([0], [1]), "rul")


def test_no_policy_is_timed_with_texts_that_one_before_it_embedded(
    tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Remembering(HashEncoder):
        known: ClassVar[set[str]] = set()
        embedded: ClassVar[list[str]] = []

        def encode(self, text: str) -> Vector:
            if text not in self.known:
                self.known.add(text)
                self.embedded.append(text)
            return super().encode(text)

        def forget(self) -> None:
            self.known.clear()

    monkeypatch.setattr("shared.routing.files._encoders", {"minilm": Remembering()})
    prototypes = (
        tmp_path / "prototypes.json"
    )  # policies are kept by name: the shipped one must not meet this encoder
    shutil.copy(ROOT / "shared/routing/prototypes.json", prototypes)
    made = table([0, 1], [1, 1])
    counts = []
    for _ in range(2):
        Remembering.embedded.clear()
        replay(made, f"semantic:{prototypes}")
        asked = {row.question.text for row in made.rows}
        counts.append([text for text in Remembering.embedded if text in asked])
    assert counts[0] == counts[1] != []

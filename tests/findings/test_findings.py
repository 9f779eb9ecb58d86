"""What the benchmark exists to show, with the shipped models, on test seeds that were never trained on.

The runs are `offline`: tests/stack shows that the services give the same answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.data.synth import Recipe, build
from bench.run.audit import audit_run
from bench.run.config import load_config
from bench.run.driver import play, prepare
from bench.scoring.score import score_run
from bench.scoring.scores import PartScores, ScoreTable, Slice

_RECIPE = Recipe(seed=40, videos=14, parts=("realtime", "reasoning"), per_video=8, duration_s=(40.0, 60.0))
_LONG = Recipe(seed=90, videos=10, parts=("reasoning",), per_video=8, duration_s=(110.0, 120.0))


def _score(folder: Path, recipe: Recipe, name: str, **settings: Any) -> ScoreTable:
    data = build(folder / f"data{recipe.seed}", recipe)
    fixed = {
        "dataset.path": str(data.path),
        "output.dir": str(folder / "runs"),
        "output.name": name,
        "stream.mode": "offline",
    }
    prepared = prepare(load_config(None, {**fixed, **settings}))
    assert play(prepared)
    assert audit_run(prepared.folder).violations == ()
    return score_run(prepared.folder).scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("findings")


@pytest.fixture(scope="module")
def table(folder: Path) -> ScoreTable:
    return _score(folder, _RECIPE, "both")


@pytest.fixture(scope="module")
def long(folder: Path) -> ScoreTable:
    return _score(folder, _LONG, "long")


def part(table: ScoreTable, name: str) -> PartScores:
    found = table.part(name)
    assert found is not None
    return found


def piece(table: ScoreTable, name: str) -> Slice:
    found = part(table, "reasoning").slice(name)
    assert found is not None
    assert found.n >= 30, "too few questions to say anything"
    return found


def test_s1_knows_the_present(table: ScoreTable) -> None:
    row = part(table, "realtime").row("s1")
    assert row is not None
    assert row.accuracy.value >= 0.95


def test_s2_knows_the_past_and_s1_does_not(table: ScoreTable) -> None:
    reasoning = part(table, "reasoning")
    s1, s2 = reasoning.row("s1"), reasoning.row("s2")
    assert s1 is not None
    assert s2 is not None
    assert s2.accuracy.value - s1.accuracy.value >= 0.15


@pytest.mark.parametrize(("scores", "where"), [("table", "s2_window"), ("long", "memory")])
def test_s1_is_as_blind_as_text_where_the_evidence_has_left_its_window(
    scores: str, where: str, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(scores)
    seen, chance = piece(found, where), part(found, "reasoning").chance
    assert seen.text_only is not None
    assert chance is not None
    # A text-only answerer that fell below chance by luck sets no lower bar than chance itself.
    assert seen.s1.low <= max(seen.text_only, chance), "S1 knows what it can't have seen: a leak"
    assert seen.s1.high >= seen.text_only


@pytest.mark.parametrize("name", ["realtime", "reasoning"])
@pytest.mark.parametrize("baseline", ["constant", "text-only"])
def test_blind_baselines_are_near_chance(table: ScoreTable, name: str, baseline: str) -> None:
    scores = part(table, name)
    blind = scores.baseline(baseline)
    assert blind is not None
    assert scores.chance == pytest.approx(0.25, abs=0.02)
    assert blind.accuracy.value <= scores.chance + 0.12


def test_what_is_older_than_s2s_window_is_reached_through_memory_alone(
    folder: Path, long: ScoreTable
) -> None:
    with_memory = piece(long, "memory")
    without = piece(_score(folder, _LONG, "without", **{"memory.enabled": False}), "memory")
    assert with_memory.gain.low > 0.15
    assert without.s2.low <= 0.30
    assert with_memory.s2.low > without.s2.high


def test_notes_of_an_untrained_s1_are_worth_nothing(folder: Path, long: ScoreTable) -> None:
    blinded = piece(_score(folder, _LONG, "blinded", **{"model.s1.random_weights": 7}), "memory")
    assert blinded.s2.low <= 0.30
    assert blinded.s2.high < piece(long, "memory").s2.low

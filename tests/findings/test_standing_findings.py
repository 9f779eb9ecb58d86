"""Standing questions and chains on test seeds: whoever watches beats everyone who doesn't.

The blind know the question, the clock, and at most what is right most often; timers are fitted on other videos.
"""

from __future__ import annotations

import pytest

from bench.data.synth import Recipe, build
from bench.run.audit import audit_run
from bench.run.config import load_config
from bench.run.driver import play, prepare
from bench.scoring.score import score_run
from bench.scoring.scores import PartScores, ScoreTable

_RECIPE = Recipe(
    seed=60, videos=8, parts=("clue", "proactive", "sequential"), per_video=2, duration_s=(30.0, 36.0)
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ScoreTable:
    folder = tmp_path_factory.mktemp("standing")
    settings = {
        "dataset.path": str(build(folder / "data", _RECIPE).path),
        "output.dir": str(folder / "runs"),
        "output.name": "standing",
        "stream.mode": "offline",
    }
    prepared = prepare(load_config(None, settings))
    assert play(prepared)
    assert audit_run(prepared.folder).violations == ()
    return score_run(prepared.folder).scores


def _part(table: ScoreTable, name: str) -> PartScores:
    found = table.part(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("clue", "s1"),
        ("clue", "s2"),
        ("proactive", "s1"),
        ("proactive", "s2"),
        ("sequential", "s1"),
        ("sequential", "s2"),
    ],
)
def test_who_watches_beats_every_blind_baseline(table: ScoreTable, name: str, path: str) -> None:
    part = _part(table, name)
    row = part.row(path)
    assert row is not None
    assert row.coverage == 1.0
    assert part.best_blind is not None
    assert row.primary.estimate.low is not None
    assert row.primary.estimate.low > part.best_blind


def test_always_yes_scores_one_half_at_most_on_clues(table: ScoreTable) -> None:
    always = _part(table, "clue").baseline("always")
    assert always is not None
    assert always.primary.estimate.value is not None
    assert always.primary.estimate.value <= 0.5

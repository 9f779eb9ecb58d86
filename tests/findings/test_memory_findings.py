"""The memory ladder with the shipped models, on test seeds: what memory adds is in its notes, and in nothing else.

One run a condition, offline: tests/stack shows that the services give the same answers.
"""

from __future__ import annotations

import pytest

from bench.data.synth import Recipe, build
from bench.memory import Ladder, Rung, climb, measure
from bench.memory.ladder import chosen
from bench.run.audit import audit_run
from bench.run.config import load_config

_RECIPE = Recipe(
    seed=190,
    videos=5,
    parts=("realtime", "reasoning"),
    per_video=1,
    per_part={"reasoning": 4},
    duration_s=(110.0, 120.0),
)
_CONDITIONS = ("none", "long", "oracle", "wrong-video", "random-weights")


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Ladder:
    folder = tmp_path_factory.mktemp("memory")
    data = build(folder / "data", _RECIPE)
    base = load_config(None, {"dataset.path": str(data.path), "stream.mode": "offline"})
    folders = climb(base, folder / "ladder", conditions=chosen(_CONDITIONS))
    assert set(folders) == set(_CONDITIONS)
    for run in folders.values():
        assert audit_run(run).violations == ()
    return measure(folders)


def rung(ladder: Ladder, name: str) -> Rung:
    return next(one for one in ladder.rungs if one.name == name)


def test_memory_gains_what_the_windows_have_lost(ladder: Ladder) -> None:
    gain = rung(ladder, "long").gain
    assert gain is not None
    assert gain.low is not None
    assert gain.low > 0


@pytest.mark.parametrize("name", ["wrong-video", "random-weights"])
def test_notes_that_tell_nothing_of_this_video_gain_nothing(ladder: Ladder, name: str) -> None:
    gain = rung(ladder, name).gain
    assert gain is not None
    assert gain.low is not None
    assert gain.low <= 0, "answers come from somewhere else than from the notes"


def test_the_oracle_is_the_top(ladder: Ladder) -> None:
    top = rung(ladder, "oracle").reasoning.value
    assert top is not None
    assert all(one.reasoning.value <= top for one in ladder.rungs if one.reasoning.value is not None)


def test_gain_and_tax_stand_as_a_pair(ladder: Ladder) -> None:
    for one in ladder.rungs[1:]:
        assert one.gain is not None
        assert one.tax is not None
        assert one.tax.n == 5

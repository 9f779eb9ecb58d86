"""The demo set with the models that ship: the stack against the plain way, question by question."""

from __future__ import annotations

from pathlib import Path

import pytest
from stack_kit import answers, assert_same

from bench.run.config import load_config
from bench.run.driver import play, prepare
from bench.run.folder import RunFolder
from bench.scoring import score_run

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def run(folder: Path, name: str, **settings: object) -> RunFolder:
    config = {"output.dir": str(folder), "output.name": name, "dataset.path": "demo", **settings}
    prepared = prepare(load_config(None, config))
    assert play(prepared)
    return prepared.folder


def test_two_capacity_runs_of_the_demo_equal_each_other_and_offline(tmp_path: Path) -> None:
    expected = answers(run(tmp_path, "offline", **{"stream.mode": "offline"}))
    runs = [run(tmp_path, name) for name in ("first", "second")]
    for folder in runs:
        assert_same(folder, expected)
    first, second = (score_run(folder).scores.model_dump_json() for folder in runs)
    assert first == second

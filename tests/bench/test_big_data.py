from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench.bigdata import cost_of, main
from bench.bigset import native_file, run_folder, samples
from bench.data import Part
from bench.data.checks import check_sample
from bench.data.lint import Linter
from bench.run.check import check_folder
from bench.run.folder import RunFolder
from bench.scoring.score import score_run
from shared.errors import DsbError


def test_made_up_sets_hold_all_parts_and_no_fault() -> None:
    made = list(samples(60))
    linter = Linter()
    assert sum(len(item.turns) for item in made) == 60
    assert {item.part for item in made} == set(Part)
    assert len({item.id for item in made}) == len(made)
    assert [found for item in made for found in check_sample(item, linter) if found.level == "error"] == []


def test_a_made_up_run_is_complete_and_can_be_scored(tmp_path: Path) -> None:
    made = run_folder(tmp_path / "run", 300)
    folder = RunFolder.open(tmp_path / "run")
    assert made == sum(1 for _ in folder.iter_records())
    assert abs(made - 300) < 60
    assert check_folder(folder).problems == ()
    scores = score_run(folder).scores
    assert scores.complete
    assert [part.part for part in scores.parts] == list(Part)


def test_a_made_up_native_file_is_a_list_of_so_many_choices(tmp_path: Path) -> None:
    native_file(tmp_path / "x.json", 30)
    records = json.loads((tmp_path / "x.json").read_text())
    assert [record["id"] for record in records] == list(range(30))
    assert all(record["options"][record["gt"]] == record["answer"] for record in records)


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(DsbError, match="exit code 3: it broke"):
        cost_of((sys.executable, "-c", "import sys; print('it broke', file=sys.stderr); sys.exit(3)"))


@pytest.mark.slow
def test_the_benchmarks_end_with_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "--size", "80"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(report["costs"]) == {"20", "80"}
    assert main(["score", "--size", "400"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["bench"] == "score"

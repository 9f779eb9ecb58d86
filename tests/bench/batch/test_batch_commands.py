from __future__ import annotations

from pathlib import Path

import batch_kit
import pytest
from batch_server import BatchServer
from typer.testing import CliRunner

from bench.cli.app import app
from shared.errors import ConfigError, DsbError


def dsb(*words: object) -> tuple[int, str]:
    """Exit code and output; an error is raised, as `main` would print it."""
    done = CliRunner().invoke(app, [*map(str, words)])
    if isinstance(done.exception, DsbError):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, done.output


@pytest.fixture
def run_file(openai: BatchServer, tmp_path: Path) -> Path:
    """A YAML file with four questions."""
    config = batch_kit.config(tmp_path, batch_kit.choices(tmp_path, 4), "openai", openai.base_url)
    file = tmp_path / "run.yaml"
    file.write_text(config.override({"output.name": ""}).model_dump_json())
    return file


def test_a_run_goes_from_submit_to_scores(openai: BatchServer, run_file: Path, tmp_path: Path) -> None:
    openai.hold = True
    code, said = dsb("batch", "submit", run_file, "--route", "force-s2")
    [folder] = (tmp_path / "runs").iterdir()
    assert (code, f"dsb batch collect {folder}" in said) == (0, True)
    code, said = dsb("batch", "status", folder)
    assert [line.split()[1:4] for line in said.splitlines()[:2]] == [
        ["system", "round", "requests"],
        ["s2", "1", "4"],
    ]
    assert "in_progress" in said
    code, said = dsb("batch", "collect", folder, "--poll", 0.05, "--timeout", 0)
    assert (code, "not complete" in said) == (1, True)
    openai.hold = False
    code, said = dsb("batch", "collect", folder, "--poll", 0.05)
    assert code == 0
    assert "realtime" in said
    assert "audit: 4 finals of 4, all causal" in said
    assert dsb("results", "check", folder)[0] == 0
    assert "complete: dsb score" in dsb("batch", "resume", folder)[1]


def test_the_same_configuration_finds_the_run_that_it_began(openai: BatchServer, run_file: Path) -> None:
    openai.hold = True
    for _ in range(2):
        dsb("batch", "submit", run_file)
    assert len(openai.batches) == 2  # S1's and S2's
    assert "2 batches called off" in dsb("batch", "cancel", run_file)[1]
    assert dsb("batch", "collect", run_file, "--poll", 0.05)[0] == 1
    assert "cancelled; go on with: dsb batch resume" in dsb("batch", "status", run_file)[1]
    openai.hold = False
    dsb("batch", "resume", run_file)
    assert dsb("batch", "collect", run_file, "--poll", 0.05)[0] == 0
    assert set(openai.paid.values()) == {1}


def test_a_dry_run_tells_the_price_of_batches_and_sends_nothing(
    openai: BatchServer, run_file: Path, tmp_path: Path
) -> None:
    dear = run_file.read_text().replace('"price":[1.0,4.0]', '"price":[1000,4000]')
    run_file.write_text(dear)
    code, said = dsb("batch", "submit", run_file, "--dry-run")
    assert code == 0
    by_batch, at_once = (
        float(text.split("total about $")[1].split(";")[0])
        for text in (said, dsb("run", run_file, "--dry-run")[1])
    )
    assert 0 < by_batch == pytest.approx(at_once / 2, abs=0.01)
    assert not openai.batches
    assert not (tmp_path / "runs").exists()


def test_what_is_asked_by_batch_is_not_gone_on_with_at_full_price(
    openai: BatchServer, run_file: Path
) -> None:
    openai.hold = True
    _, said = dsb("batch", "submit", run_file)
    folder = said.split("run folder: ")[1].split(". ")[0]
    with pytest.raises(ConfigError, match="is asked by batch: go on with `dsb batch collect"):
        dsb("run", "--resume", folder)


def test_a_run_that_was_never_begun_says_how_to_begin_it(openai: BatchServer, run_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no run folder: `dsb batch submit .*run.yaml` first"):
        dsb("batch", "collect", run_file)

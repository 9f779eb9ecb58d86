from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_llava import save

from bench.cli import main
from bench.cli.app import app
from bench.cli.playing import read
from bench.data import load_dataset
from bench.data.schema import Part
from bench.data.synth import Recipe, build

Dsb = Callable[..., str]


@pytest.fixture
def dsb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Dsb:
    """Runs a command that must succeed; gives what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["dsb", *map(str, words)])
        code: object = None
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        assert not code
        return capsys.readouterr().out

    return call


def test_help_names_every_command(dsb: Dsb) -> None:
    text = dsb("--help")
    names = {command.name for command in app.registered_commands}
    assert {name for name in names if name and name not in text} == set()


@pytest.mark.parametrize("name", ["demo", "live", "llava-folder"])
def test_the_examples_that_ship_are_read_by_name(name: str) -> None:
    assert read(name, {}).profile().live == (name == "live")


def test_the_demo_configuration_says_what_the_defaults_are() -> None:
    assert read("demo", {}) == read("", {})


def test_help_needs_no_heavy_library() -> None:
    heavy = "'torch', 'transformers', 'av', 'nats', 'qdrant_client', 'pydantic'"
    code = f"import sys, bench.cli.app; print([name for name in ({heavy}) if name in sys.modules])"
    root = Path(__file__).resolve().parents[3]
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert said.stdout.strip() == "[]"


def test_synth_makes_a_data_set(dsb: Dsb, tmp_path: Path) -> None:
    dsb("data", "synth", tmp_path / "set", "--videos", 1, "--per-video", 1, "--shortest", 30, "--longest", 30)
    assert {sample.part for sample in load_dataset(tmp_path / "set").samples} == set(Part)


def test_doctor_says_what_is_here(dsb: Dsb) -> None:
    text = dsb("doctor")
    assert "broker" in text
    assert "nats-server" in text


def test_an_offline_run_prints_its_table_and_can_be_scored_and_checked_again(
    dsb: Dsb, tmp_path: Path
) -> None:
    build(
        tmp_path / "set", Recipe(seed=3, videos=1, parts=("realtime",), per_video=1, duration_s=(15.0, 15.0))
    )
    save(tmp_path / "model")
    model = f"{{path: {tmp_path / 'model'}}}"
    (tmp_path / "run.yaml").write_text(f"dataset: {{path: set}}\nmodel: {{s1: {model}, s2: {model}}}\n")
    printed = dsb("run", "run.yaml", "--mode", "offline", "--part", "realtime", "--name", "one")
    assert "realtime" in printed
    assert "text-only" in printed
    assert "all causal" in printed
    assert dsb("score", "runs/one").split() == printed.split()
    assert "2 finals" in dsb("results", "check", "runs/one")
    assert json.loads(dsb("results", "check", "runs/one", "--json"))["problems"] == []
    assert json.loads(dsb("score", "runs/one", "--json"))["scores"]["complete"]
    assert "out/cases.csv" in dsb("results", "export", "runs/one", "--out", "out", "--format", "csv")


def test_a_run_is_begun_gone_on_with_and_shown_again_by_the_same_command(dsb: Dsb, tmp_path: Path) -> None:
    recipe = Recipe(seed=3, videos=2, per_video=1, duration_s=(12.0, 12.0), parts=("realtime",))
    build(tmp_path / "set", recipe)
    save(tmp_path / "model")
    model = f"{{path: {tmp_path / 'model'}}}"
    (tmp_path / "run.yaml").write_text(f"dataset: {{path: set}}\nmodel: {{s1: {model}, s2: {model}}}\n")
    run = ("run", "run.yaml", "--mode", "offline", "--auto-resume")
    records = tmp_path / "runs/one/records.jsonl"
    first = dsb(*run, "--name", "one")
    whole = records.read_bytes().splitlines(keepends=True)
    # What a killed process leaves: fewer records, the last line torn.
    records.write_bytes(b"".join(whole[:-1]) + whole[-1][:20])
    dsb(*run, "--name", "one")
    lines = records.read_bytes().splitlines()
    assert len(whole) == 4
    assert "4 finals" in dsb("results", "check", "runs/one")
    assert dsb(*run, "--name", "one").split()[:4] == first.split()[:4]
    assert records.read_bytes().splitlines() == lines


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("demo", "--auto-resume"), "add --name"),
        (("run", "demo", "--auto-resume", "--name", "a", "--resume", "last"), "leave --resume"),
        (("run", "demo", "--auto-resume", "--name", "a", "--shards", "1/2"), "leave --resume and --shards"),
    ],
)
def test_a_run_is_found_again_by_its_name_alone(
    words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dsb", *words])
    assert main() == 2
    assert told in capsys.readouterr().err


def test_a_run_in_shards_is_planned_played_and_merged(dsb: Dsb, tmp_path: Path) -> None:
    recipe = Recipe(seed=3, videos=2, per_video=1, duration_s=(12.0, 12.0), parts=("realtime",))
    build(tmp_path / "set", recipe)
    save(tmp_path / "model")
    model = f"{{path: {tmp_path / 'model'}}}"
    (tmp_path / "run.yaml").write_text(f"dataset: {{path: set}}\nmodel: {{s1: {model}, s2: {model}}}\n")
    run = ("run.yaml", "--mode", "offline", "--name", "all")
    planned = dsb("run-all", *run, "--parallel", 2, "--dry-run").splitlines()
    assert [line.split()[:4] for line in planned[1:3]] == [["1/2", "1", "1", "2"], ["2/2", "1", "1", "2"]]
    assert not (tmp_path / "runs").exists()
    for shard in ("1/2", "2/2"):
        assert "dsb results merge runs/all" in dsb("run", *run, "--shards", shard)
    assert "4 finals of 4" in dsb("results", "merge", "runs/all")


def test_the_public_package_gives_the_extension_points() -> None:
    import dualstreambench

    assert [name for name in dualstreambench.__all__ if not hasattr(dualstreambench, name)] == []

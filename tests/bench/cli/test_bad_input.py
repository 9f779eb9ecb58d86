"""A user's mistake is one clear line on stderr and exit code 2: no traceback, and nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bench_kit import run_folder
from tiny_llava import save

from bench.cli import main
from bench.data import load_dataset
from bench.data.synth import Recipe, build
from bench.run.folder import RunFolder

Dsb = Callable[..., str]


@pytest.fixture
def mistake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Dsb:
    """Runs a command that must fail; gives its one line."""
    monkeypatch.setenv("DSB_CONNECT_TIMEOUT_S", "0.5")
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["dsb", *map(str, words)])
        code: object = None
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        assert code == 2, said
        [line] = said.err.strip().splitlines()
        assert line.startswith("dsb: ")
        return line

    return call


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    build(folder, Recipe(seed=2, videos=1, parts=("realtime",), per_video=2, duration_s=(20.0, 20.0)))
    return folder


def config(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_known_one(
    mistake: Dsb, tmp_path: Path
) -> None:
    line = mistake("run", config(tmp_path, "stream:\n  concurency: 4\n"))
    assert "run.yaml:2" in line
    assert "stream.concurrency" in line


def test_a_configuration_that_is_not_there(mistake: Dsb) -> None:
    assert "nowhere.yaml" in mistake("run", "nowhere.yaml")


def test_an_unknown_route_is_named_with_the_nearest_known_one(mistake: Dsb) -> None:
    assert "force-s1" in mistake("run", "demo", "--route", "force-1")


def test_a_policys_file_that_is_not_there_is_told_in_words(mistake: Dsb) -> None:
    for route in ("rule:no.toml", "learned:no.toml", "pinned:no.toml"):
        line = mistake("run", "demo", "--route", route)
        assert "no.toml: is not there" in line or "no.toml is not there" in line
        assert "Errno" not in line


def test_a_folder_without_a_data_set_is_told_without_a_runs_settings(mistake: Dsb, tmp_path: Path) -> None:
    line = mistake("data", "info", tmp_path)
    assert "all.json" in line
    assert "dataset.path" not in line


def test_batches_of_a_run_that_was_played_are_not_looked_for(
    mistake: Dsb, data: Path, tmp_path: Path
) -> None:
    folder = run_folder(tmp_path / "played", load_dataset(data))
    folder.records_path.touch()
    line = mistake("batch", "status", folder.path)
    assert "was not made by batch" in line
    assert f"dsb run --resume {folder.path}" in line


def test_a_data_set_that_is_no_json(mistake: Dsb, tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text("{nonsense")
    line = mistake("run", config(tmp_path, f"dataset: {{path: {tmp_path}}}"))
    assert "all.json" in line


def test_a_video_that_is_not_there(mistake: Dsb, data: Path, tmp_path: Path) -> None:
    shutil.copy(data / "all.json", tmp_path / "all.json")
    line = mistake("run", config(tmp_path, f"dataset: {{path: {tmp_path}}}"))
    assert ".mp4" in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("mode", ["offline", pytest.param("capacity", marks=pytest.mark.stack)])
def test_a_model_that_is_not_there(mistake: Dsb, data: Path, tmp_path: Path, mode: str) -> None:
    text = f"dataset: {{path: {data}}}\nmodel: {{s1: {{path: no/such/model}}}}\n"
    assert "no/such/model" in mistake("run", config(tmp_path, text), "--mode", mode)


def test_no_broker(mistake: Dsb, data: Path, tmp_path: Path) -> None:
    path = config(tmp_path, f"dataset: {{path: {data}}}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"nats://127.0.0.1:{free.getsockname()[1]}"
        for words in (("run", path, "--nats", url), ("ps", "--nats", url), ("init", "--nats", url)):
            assert url in mistake(*words)


def test_a_taken_port(mistake: Dsb) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert str(port) in mistake("up", "--port", port)


def test_a_folder_that_is_no_run(mistake: Dsb, tmp_path: Path) -> None:
    for words in (("score", tmp_path), ("results", "check", tmp_path), ("run", "--resume", tmp_path)):
        assert str(tmp_path) in mistake(*words)


def test_nothing_to_resume(mistake: Dsb) -> None:
    assert "resume" in mistake("run", "--resume", "last")


def test_an_impossible_scale(mistake: Dsb, data: Path, tmp_path: Path) -> None:
    path = config(tmp_path, f"dataset: {{path: {data}}}")
    assert "--scale" in mistake("run", path, "--scale", "s3=1")


def test_an_unknown_service(mistake: Dsb) -> None:
    assert "reader" in mistake("serve", "writer")


def test_a_full_disk_ends_the_run_in_one_line_and_keeps_what_was_written(tmp_path: Path) -> None:
    recipe = Recipe(seed=4, videos=1, parts=("realtime", "reasoning"), per_video=5, duration_s=(40.0, 40.0))
    data = build(tmp_path / "set", recipe).path
    save(tmp_path / "model")
    models = f"s1: {{path: {tmp_path / 'model'}}}, s2: {{path: {tmp_path / 'model'}}}"
    path = config(tmp_path, f"dataset: {{path: {data}}}\nmodel: {{{models}}}\n")

    def limited(size: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bench.cli", "run", str(path), "--mode", "offline", "--name", "full",
             "--out", str(tmp_path / "runs")],
            capture_output=True, text=True, timeout=200, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        )  # fmt: skip

    # Room for the manifest and the samples, and for some of the records.
    done = limited(18_000)
    lines = [line for line in done.stderr.splitlines() if line.startswith("dsb: ")]
    assert (done.returncode, len(lines)) == (2, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert "--resume" in lines[0]
    kept = RunFolder.open(tmp_path / "runs" / "full").records()
    assert all(record.status == "ok" for record in kept)


def test_what_cannot_be_told_together_is_refused(mistake: Dsb, tmp_path: Path) -> None:
    assert "leave out --resume" in mistake("run", "--resume", "last", "--dry-run")
    assert "leave one of them out" in mistake("run", "--nats", "nats://127.0.0.1:9", "--scale", "s2=2")


def test_a_folder_named_like_an_example_does_not_hide_it(mistake: Dsb, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    # It gets as far as the broker that is not there.
    assert "no broker at nats://127.0.0.1:9" in mistake("run", "demo", "--nats", "nats://127.0.0.1:9")

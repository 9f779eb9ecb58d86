from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import COMMIT, Hub, serving
from huggingface_hub import constants
from typer.testing import CliRunner

from bench.cli.app import app
from bench.fetch import MANIFEST, fetch_model
from shared.errors import DataError, DsbError, ModelError

NAME = "some/model"
WEIGHTS = bytes(range(256)) * 4096
FILES = {
    "config.json": b'{"model_type": "llava"}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
    "1_Pooling/config.json": b'{"pooling": "mean"}',
    "pytorch_model.bin": b"a pickle",
    "modeling_own.py": b"print('code')",
    "onnx/config.json": b"{}",
}
TAKEN = {"config.json", "model.safetensors", "tokenizer.json", "1_Pooling/config.json"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub(NAME, FILES)) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield running


def refused(kind: type[DsbError], to: Path, name: str = NAME, revision: str | None = None) -> str:
    with pytest.raises(kind) as caught:
        fetch_model(name, to, revision=revision)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def held(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != ".cache"}


def test_what_is_loaded_is_fetched_and_pickles_and_code_are_not(hub: Hub, tmp_path: Path) -> None:
    done = fetch_model(NAME, tmp_path / "model")
    assert held(tmp_path / "model") == {*TAKEN, MANIFEST}
    assert (done.revision, done.files, done.size) == (COMMIT, 4, sum(len(FILES[path]) for path in TAKEN))
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == WEIGHTS


def test_the_manifest_keeps_commit_sizes_and_hashes(hub: Hub, tmp_path: Path) -> None:
    fetch_model(NAME, tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert (manifest["name"], manifest["source"]) == (NAME, "hub")
    assert (manifest["asked"], manifest["revision"]) == ("main", COMMIT)
    assert manifest["files"]["model.safetensors"] == {
        "bytes": len(WEIGHTS),
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
    }
    assert set(manifest["files"]) == TAKEN


def test_a_broken_connection_goes_on_where_it_was(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)  # whole chunks are kept
    hub.cut = "model.safetensors"
    fetch_model(NAME, tmp_path)
    first, second = (asked for path, asked in hub.sent if path == "model.safetensors")
    assert first == ""
    assert second.startswith(f"bytes={len(WEIGHTS) // 2}-")
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_broken_fetch_that_is_started_again_keeps_whole_files(hub: Hub, tmp_path: Path) -> None:
    hub.cut, hub.refuses = "model.safetensors", True
    assert refused(ModelError, tmp_path).startswith("'some/model' can't be fetched (")
    assert not (tmp_path / MANIFEST).exists()
    hub.refuses = False
    hub.sent.clear()
    fetch_model(NAME, tmp_path)
    assert [path for path, _ in hub.sent] == ["model.safetensors"]
    assert held(tmp_path) == {*TAKEN, MANIFEST}


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    fetch_model(NAME, tmp_path)
    hub.sent.clear()
    fetch_model(NAME, tmp_path)
    assert hub.sent == []


def test_damaged_weights_are_refused_and_removed(hub: Hub, tmp_path: Path) -> None:
    hub.damaged.add("model.safetensors")
    assert "fetch again" in refused(ModelError, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()
    assert not (tmp_path / MANIFEST).exists()


def test_without_room_nothing_is_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.announced["model.safetensors"] = 1 << 60
    assert "make room, or give another folder" in refused(DataError, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert hub.sent == []


def test_a_model_without_safetensors_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    del hub.files["model.safetensors"]
    assert "has no *.safetensors" in refused(ModelError, tmp_path)
    assert hub.sent == []


def test_names_and_revisions_that_the_hub_does_not_know_are_told_apart(hub: Hub, tmp_path: Path) -> None:
    assert "the hub has no model 'some/other'" in refused(ModelError, tmp_path, "some/other")
    assert "has no such revision" in refused(ModelError, tmp_path, revision="v9")


def test_offline_it_says_so(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused(ModelError, tmp_path)


def test_a_hub_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert "look at the network and HF_ENDPOINT" in refused(ModelError, tmp_path)


def test_the_command_says_what_it_fetched(hub: Hub, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["models", "fetch", NAME, "--to", str(tmp_path / "model")])
    assert ran.exit_code == 0, ran.output
    assert f"4 files, 1.0 MB, of some/model at {COMMIT[:12]}" in ran.output

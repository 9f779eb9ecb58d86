from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from modelscope_server import Scope, serving
from typer.testing import CliRunner

from bench.cli.app import app
from bench.fetch import MANIFEST, fetch_model, modelscope
from shared.errors import ConfigError, ModelError

NAME = "some/model"
WEIGHTS = bytes(range(256)) * 4096
FILES = {
    "config.json": b'{"model_type": "llava"}',
    "configuration.json": b"{}",
    "model.safetensors": WEIGHTS,
    "1_Pooling/config.json": b'{"pooling": "mean"}',
    "pytorch_model.bin": b"a pickle",
    "modeling_own.py": b"print('code')",
}
TAKEN = {"config.json", "configuration.json", "model.safetensors", "1_Pooling/config.json"}


@pytest.fixture
def scope(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scope]:
    monkeypatch.setattr(modelscope, "_PAUSE_S", 0.01)
    with serving(Scope(NAME, FILES)) as running:
        monkeypatch.setenv("MODELSCOPE_DOMAIN", running.url)
        yield running


def fetched(to: Path, name: str = NAME, revision: str | None = None) -> set[str]:
    fetch_model(name, to, revision=revision, source="modelscope")
    return {str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()}


def refused(to: Path, name: str = NAME, revision: str | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        fetch_model(name, to, revision=revision, source="modelscope")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_loaded_is_fetched_and_pickles_and_code_are_not(scope: Scope, tmp_path: Path) -> None:
    assert fetched(tmp_path) == {*TAKEN, MANIFEST}
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert (manifest["source"], manifest["asked"], manifest["revision"]) == ("modelscope", "master", "master")
    assert set(manifest["files"]) == TAKEN


def test_another_revision_is_asked_for_by_name(scope: Scope, tmp_path: Path) -> None:
    fetched(tmp_path, revision="v1.0")
    assert json.loads((tmp_path / MANIFEST).read_text())["revision"] == "v1.0"


def test_a_broken_connection_goes_on_where_it_was(scope: Scope, tmp_path: Path) -> None:
    scope.cut, scope.cuts = "model.safetensors", 2
    fetched(tmp_path)
    ranges = [asked for path, asked in scope.sent if path == "model.safetensors"]
    half = len(WEIGHTS) // 2
    assert ranges == ["", f"bytes={half}-", f"bytes={half + half // 2}-"]
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_server_without_ranges_sends_all_of_it_again(scope: Scope, tmp_path: Path) -> None:
    scope.cut, scope.cuts, scope.ranges = "model.safetensors", 1, False
    fetched(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_fetch_that_was_given_up_goes_on_where_it_was(scope: Scope, tmp_path: Path) -> None:
    scope.cut, scope.cuts, scope.ranges = "model.safetensors", 1000, False
    assert "go on again" in refused(tmp_path)
    assert not (tmp_path / MANIFEST).exists()
    scope.cuts, scope.ranges = 0, True
    scope.sent.clear()
    fetched(tmp_path)
    assert scope.sent == [("model.safetensors", f"bytes={len(WEIGHTS) // 2}-")]
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


def test_what_is_there_is_not_fetched_again(scope: Scope, tmp_path: Path) -> None:
    fetched(tmp_path)
    scope.sent.clear()
    fetched(tmp_path)
    assert scope.sent == []


def test_damaged_weights_are_refused_and_removed(scope: Scope, tmp_path: Path) -> None:
    scope.damaged.add("model.safetensors")
    assert "fetch again" in refused(tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_file_outside_of_the_folder_is_refused(scope: Scope, tmp_path: Path) -> None:
    scope.files[str(tmp_path / "evil.json")] = b"{}"
    assert "outside of its folder" in refused(tmp_path / "model")
    assert scope.sent == []


def test_unknown_names_and_revisions_are_refused_in_one_line(scope: Scope, tmp_path: Path) -> None:
    assert "ModelScope has no model 'some/other' at revision 'master'" in refused(tmp_path, "some/other")
    assert "at revision 'v9'" in refused(tmp_path, revision="v9")


def test_a_token_opens_what_is_not_public(
    scope: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope.token = "secret"
    assert "set MODELSCOPE_API_TOKEN" in refused(tmp_path)
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "secret")
    assert MANIFEST in fetched(tmp_path)


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "http://127.0.0.1:1")
    assert "look at the network and MODELSCOPE_DOMAIN" in refused(tmp_path)


def test_the_command_takes_the_source(scope: Scope, tmp_path: Path) -> None:
    words = ["models", "fetch", NAME, "--to", str(tmp_path / "model"), "--source"]
    ran = CliRunner().invoke(app, [*words, "modelscope"])
    assert ran.exit_code == 0, ran.output
    assert "4 files, 1.0 MB, of some/model at master" in ran.output
    assert isinstance(CliRunner().invoke(app, [*words, "elsewhere"]).exception, ConfigError)


def test_a_router_needs_no_weights_and_is_named_as_a_route(scope: Scope, tmp_path: Path) -> None:
    policy = resources.files("shared.routing").joinpath("prototypes.json").read_bytes()
    scope.files = {"prototypes.json": policy, "code.py": b"print()", "README.md": b"A router."}
    to = tmp_path / "router"
    words = ["models", "fetch", NAME, "--to", str(to), "--source", "modelscope", "--router"]
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, ran.output
    assert f"route    semantic:{to / 'prototypes.json'}" in ran.output
    assert not (to / "code.py").exists()


@pytest.mark.parametrize("files", [{"code.py": b"print()"}, {"other.json": b"{}"}])
def test_what_is_no_router_is_refused_as_one(files: dict[str, bytes], scope: Scope, tmp_path: Path) -> None:
    scope.files = files
    words = ["models", "fetch", NAME, "--to", str(tmp_path), "--source", "modelscope", "--router"]
    ran = CliRunner().invoke(app, words)
    assert isinstance(ran.exception, ModelError)
    assert "without --router" in str(ran.exception)

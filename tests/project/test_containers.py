"""The images and the compose files, as far as they can be checked without an engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.run import broker

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("memory", "reader", "router", "s1", "s2")
USERS = {"admin", "bench", *SERVICES}


class _Loader(yaml.SafeLoader):
    """Reads compose's own tags as the plain values under them."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


_Loader.add_multi_constructor("!", _plain)


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((ROOT / name).read_text(), Loader=_Loader)
    return loaded


def stages() -> dict[str, tuple[str, str]]:
    """The stages of the Dockerfile by name: what each is made from, and its text."""
    parts = re.split(r"^(?=FROM )", (ROOT / "Dockerfile").read_text(), flags=re.M)[1:]
    heads = [re.match(r"FROM (\S+) AS (\S+)\n", part) for part in parts]
    return {head[2]: (head[1], part) for head, part in zip(heads, parts, strict=True) if head}


def text_of(target: str) -> str:
    """All that goes into the image of a target."""
    base, text = stages()[target]
    return (text_of(base) if base in stages() else "") + text


@pytest.mark.parametrize("target", [*SERVICES, "bench"])
def test_an_image_does_not_run_as_root_and_serves_itself(target: str) -> None:
    text = text_of(target)
    assert re.findall(r"^USER (.*)", text, re.M)[-1] == "10001"
    words = ["--help"] if target == "bench" else ["serve", target]
    assert json.loads(re.findall(r"^CMD (.*)", text, re.M)[-1]) == words


def test_no_build_pulls_a_frontend() -> None:
    for dockerfile in ("Dockerfile", "deploy/nats/Dockerfile"):
        assert "syntax=" not in (ROOT / dockerfile).read_text()


def test_every_target_is_built_by_compose() -> None:
    built = {name: service["build"] for name, service in compose()["services"].items() if "build" in service}
    assert {build["target"] for build in built.values() if "target" in build} == {*SERVICES, "bench"}
    assert "\nUSER 10001\n" in (ROOT / built["nats"]["dockerfile"]).read_text()


@pytest.mark.parametrize("target", ["reader", "router"])
def test_what_needs_no_model_carries_no_torch(target: str) -> None:
    extras = re.findall(r"deploy/requirements\.py(.*?) \|", text_of(target))
    for names in extras:
        listed = subprocess.run(
            ["python3", "deploy/requirements.py", *names.split()],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert "torch" not in listed
    assert "torch" not in text_of(target).split("\nEXPOSE", 1)[1]


@pytest.mark.parametrize("name", [*SERVICES, "init", "bench", "nats"])
def test_a_container_of_ours_is_hardened_and_limited(name: str) -> None:
    service = compose()["services"][name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["deploy"]["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_writes_no_file_that_another_reads(name: str) -> None:
    """Who breaks into one shall not change the models or videos of the others."""
    shared = [mount for mount in compose()["services"][name].get("volumes", ()) if not mount.endswith(":ro")]
    assert shared == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_restarts_and_logs_in_as_itself(name: str) -> None:
    service = compose()["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["environment"]["DSB_NATS_USER"] == name
    assert f"NATS_PW_{name.upper()}" in service["environment"]["DSB_NATS_PASSWORD"]


def test_the_broker_collects_garbage_as_soon_in_a_container_as_in_the_embedded_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GOGC", raising=False)
    [told] = re.findall(r"^ENV GOGC=(\d+)$", (ROOT / "deploy/nats/Dockerfile").read_text(), re.MULTILINE)
    assert broker.environment() == {"GOGC": told}
    monkeypatch.setenv("GOGC", "100")
    assert broker.environment() == {"GOGC": "100"}


def test_the_broker_is_given_every_variable_that_its_configuration_reads() -> None:
    text = "".join((ROOT / "deploy/nats" / name).read_text() for name in ("server.conf", "nats.conf"))
    given = {name for name in compose()["services"]["nats"]["environment"] if name.startswith("NATS_")}
    assert set(re.findall(r"\$(NATS_\w+)", text)) == given


def test_there_is_no_default_password() -> None:
    assert set(re.findall(r"\$\{NATS_PW_\w+(.)", (ROOT / "docker-compose.yml").read_text())) == {":"}
    assert not re.search(r"NATS_PW_\w+:-", (ROOT / "docker-compose.yml").read_text())


def test_every_broker_user_has_a_password_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "secrets.sh"
    script.write_text((ROOT / "deploy/secrets.sh").read_text())
    subprocess.run(["bash", str(script)], check=True, capture_output=True)
    pairs = dict(
        line.split("=") for line in (tmp_path / ".env").read_text().splitlines() if not line.startswith("#")
    )
    assert {name.removeprefix("NATS_PW_").lower() for name in pairs} == USERS
    assert len(set(pairs.values())) == len(USERS)
    assert all(re.fullmatch(r"p[0-9a-f]{48}", value) for value in pairs.values())
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_passwords_go_beside_what_an_environment_file_holds_and_are_made_once(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "secrets.sh"
    script.write_text((ROOT / "deploy/secrets.sh").read_text())
    (tmp_path / ".env").write_text("S1_MODEL=mine\n")
    subprocess.run(["bash", str(script)], check=True, capture_output=True)
    made = (tmp_path / ".env").read_text()
    assert made.startswith("S1_MODEL=mine\n")
    assert made.count("NATS_PW_") == len(USERS)
    again = subprocess.run(["bash", str(script)], check=True, capture_output=True, text=True)
    assert "has passwords already" in again.stderr
    assert (tmp_path / ".env").read_text() == made


def test_certificates_that_are_not_there_are_told_apart_from_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "secrets.sh"
    script.write_text((ROOT / "deploy/secrets.sh").read_text())
    # As Docker leaves it where a container was to see files that nobody had made.
    (tmp_path / "deploy/nats/secrets/tls/ca.pem").mkdir(parents=True)
    ended = subprocess.run(["bash", str(script), "--tls"], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "holds no certificates" in ended.stderr


def test_the_second_file_swaps_qdrant_and_changes_nothing_but_memory() -> None:
    edge = compose("docker-compose.edge.yml")["services"]
    assert set(edge) == {"qdrant", "memory"}
    assert edge["qdrant"] is None
    assert edge["memory"]["environment"]["DSB_MEMORY_STORE"].startswith("edge:/")


def test_the_makefile_parses_and_lists_its_targets() -> None:
    env = {**os.environ, "MAKEFLAGS": ""}
    listed = subprocess.run(
        ["make", "help"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    ).stdout
    for target in ("demo", "test", "lint", "types", "e2e", "up", "down", "bench-overhead"):
        assert f"  {target} " in listed
        subprocess.run(["make", "-n", target], cwd=ROOT, env=env, capture_output=True, check=True)


@pytest.mark.parametrize("script", [".ci/run", "deploy/secrets.sh"])
def test_a_script_parses(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


def test_the_makefile_refuses_an_old_python(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    pretend = 'import sys; sys.version_info = (3, 10, 1); sys.version = "3.10.1 (old)"; exec(sys.argv[2])'
    old.write_text(f"#!/bin/sh\nexec python3 -c '{pretend}' \"$@\"\n")
    old.chmod(0o755)
    ended = subprocess.run(
        ["make", "venv", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode != 0
    assert "dsb needs Python 3.11 or newer" in ended.stderr
    assert "3.10.1" in ended.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("name", ["tls", "nkeys"])
def test_a_way_of_logging_in_reaches_everybody_who_talks_to_the_broker(name: str) -> None:
    plain, over = compose()["services"], compose(f"docker-compose.{name}.yml")["services"]
    users = {
        service: config["environment"]["DSB_NATS_USER"]
        for service, config in plain.items()
        if "DSB_NATS_USER" in config.get("environment", {})
    }
    assert set(over) == {"nats", *users}
    own = "tls/{}.key:" if name == "tls" else "nkeys/{}.seed:"
    for service, user in users.items():
        assert any(own.format(user) in volume for volume in over[service]["volumes"])
        assert not any(
            own.format(other) in volume for volume in over[service]["volumes"] for other in USERS - {user}
        )


def test_gpus_are_given_to_the_models_alone() -> None:
    over = compose("docker-compose.gpu.yml")["services"]
    assert set(over) == {"s1", "s2"}
    for service in over.values():
        [device] = service["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]
        assert service["environment"] == {"DSB_MODEL__DEVICE": "cuda"}


@pytest.mark.parametrize("target", [*SERVICES, "bench"])
def test_an_image_tells_what_it_is_and_of_which_version(target: str) -> None:
    text = text_of(target)
    assert re.findall(r'image\.title="([^"]+)"', text)[-1] == f"dualstreambench/{target}"
    assert re.search(r"^ARG VERSION=dev\nLABEL .*image\.version=\$VERSION$", text, re.MULTILINE)
    assert compose()["services"][target]["build"]["args"]["VERSION"] == "${DSB_TAG:-dev}"
    assert compose()["services"][target]["image"].startswith(f"${{{target.upper()}_IMAGE:-")


@pytest.mark.parametrize(
    ("words", "files", "profiles"),
    [
        ("", "docker-compose.yml", ""),
        ("edge", "docker-compose.yml:docker-compose.edge.yml", ""),
        ("obs tls", "docker-compose.yml:docker-compose.tls.yml", "obs"),
    ],
)
def test_make_chooses_files_and_profiles_by_name(
    words: str, files: str, profiles: str, tmp_path: Path
) -> None:
    script = tmp_path / "Makefile"
    script.write_text('include Makefile\nshow:\n\t@echo "$$COMPOSE_FILE|$$COMPOSE_PROFILES"\n')
    env = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSE")} | {
        "MAKEFLAGS": ""
    }
    said = subprocess.run(
        ["make", "-s", "-f", str(script), "show", f"WITH={words}"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.strip() == f"{files}|{profiles}"


def test_make_refuses_what_it_has_no_file_for() -> None:
    ended = subprocess.run(["make", "-n", "up", "WITH=gpus"], cwd=ROOT, capture_output=True, text=True)
    assert "no gpus to go with: choose from" in ended.stdout + ended.stderr

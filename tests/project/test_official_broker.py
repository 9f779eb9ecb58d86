"""Values for the official NATS chart: what that chart makes of them is a configuration with this project's users."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from live_broker import server_binary
from trusted_broker import DEPLOY, USERS

VALUES: dict[str, Any] = yaml.safe_load((DEPLOY / "helm/values-nats.yaml").read_text())


def configuration(merge: dict[str, Any]) -> str:
    """By the two rules of that chart: keys that end in $include, and strings in << >>, of JSON with sorted keys."""
    text = json.dumps(merge, indent=2, sort_keys=True)
    text = re.sub(r'".*\$include": "(.*)",?', r"include \1;", text)
    return re.sub(r'"<<\s+(.*)\s+>>"', r"\1", text)


def test_its_configuration_is_one_that_the_broker_takes(tmp_path: Path) -> None:
    (tmp_path / "nats-config").mkdir()
    (tmp_path / "dsb").mkdir()
    config = tmp_path / "nats-config/nats.conf"
    config.write_text(configuration(VALUES["config"]["merge"]))
    command = [server_binary(), "-c", str(config), "-t"]

    def checked() -> subprocess.CompletedProcess[str]:
        given = dict.fromkeys(VALUES["container"]["env"], "p1")
        return subprocess.run(command, capture_output=True, text=True, env=given)

    assert checked().returncode != 0, "the rights are not read"
    shutil.copy(DEPLOY / "nats/rights.conf", tmp_path / "dsb")
    ended = checked()
    assert ended.returncode == 0, ended.stderr


def test_its_users_are_those_of_the_plain_broker_with_the_same_rights() -> None:
    plain = re.findall(
        r"user: (\w+), password: (\S+), permissions: (\S+) }", (DEPLOY / "nats/nats.conf").read_text()
    )
    account = VALUES["config"]["merge"]["accounts"]["DSB"]
    users = [
        (one["user"], *(one[key].strip("<> ") for key in ("password", "permissions")))
        for one in account["users"]
    ]
    assert users == plain
    assert {user for user, *_ in users} == set(USERS)
    assert {f"${name}" for name in VALUES["container"]["env"]} == {password for _, password, _ in users}
    for name, given in VALUES["container"]["env"].items():
        assert given["valueFrom"]["secretKeyRef"] == {"name": "dsb-nats-passwords", "key": name}
    external = yaml.safe_load((DEPLOY / "helm/values-external.yaml").read_text())
    assert external["credentials"]["existingSecret"] == "dsb-nats-passwords"
    assert external["external"]["natsReplicas"] == VALUES["config"]["cluster"]["replicas"]

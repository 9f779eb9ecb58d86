"""The compose stack for end-to-end tests: its own project, passwords and image tag; a developer's is left alone."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.chaos.docker import crash, engine_trouble
from bench.run.folder import RunFolder
from bench.run.records import effective, strip_timings

__all__ = [
    "ROOT",
    "Compose",
    "crash",
    "docker",
    "engine_trouble",
    "records",
    "restarts",
    "wait_for",
    "wheels_image",
]

ROOT = Path(__file__).resolve().parents[2]
_WHEELS = "dualstreambench/wheels:e2e"


class Compose:
    """`docker compose` on this project; with Qdrant only when DSB_E2E_QDRANT=1 says that its image can be had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "deploy").mkdir()
        script = folder / "deploy/secrets.sh"
        script.write_text((ROOT / "deploy/secrets.sh").read_text())
        subprocess.run(["bash", str(script)], check=True, capture_output=True)
        files = ["docker-compose.yml"]
        if os.environ.get("DSB_E2E_QDRANT") != "1":
            files.append("docker-compose.edge.yml")
        self._command = ["docker", "compose"]
        self._env = {
            **os.environ,
            "COMPOSE_ENV_FILES": str(folder / ".env"),
            "COMPOSE_FILE": os.pathsep.join(str(ROOT / name) for name in files),
            "COMPOSE_PROJECT_NAME": "dsb-e2e",
            "DSB_TAG": "e2e",
            "WHEELS_IMAGE": wheels_image(),
        }

    def __call__(self, *args: str, check: bool = True, timeout: float = 600) -> str:
        """Run it; its stdout. A failure shows what it printed."""
        ended = subprocess.run(
            [*self._command, *args], env=self._env, capture_output=True, timeout=timeout, cwd=ROOT
        )
        out, err = ended.stdout.decode(errors="replace"), ended.stderr.decode(errors="replace")
        assert ended.returncode == 0 or not check, f"compose {' '.join(args)}:\n{out[-4000:]}\n{err[-4000:]}"
        return out

    def environment(self) -> dict[str, str]:
        """Where `docker compose` means this stack."""
        return dict(self._env)

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Run it in the background; both streams into `out.log`."""
        log = (self.folder / "out.log").open("wb")
        return subprocess.Popen(
            [*self._command, *args], env=self._env, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT
        )

    def containers(self, service: str) -> list[str]:
        return self("ps", "-q", service).split()

    def log(self) -> str:
        return (self.folder / "out.log").read_text(errors="replace")[-6000:]

    def fetch(self, run: str) -> RunFolder:
        """Copy a run folder out of the volume."""
        args = [
            "run",
            "--rm",
            "-T",
            "--no-deps",
            "--entrypoint",
            "tar",
            "bench",
            "-C",
            "/runs",
            "-cf",
            "-",
            run,
        ]
        ended = subprocess.run(
            [*self._command, *args], env=self._env, capture_output=True, check=True, cwd=ROOT
        )
        with tarfile.open(fileobj=io.BytesIO(ended.stdout)) as archive:
            archive.extractall(self.folder / "runs", filter="data")
        return RunFolder.open(self.folder / "runs" / run)


def wheels_image() -> str:
    """An image of the wheels that pip is told to look at on this machine (`PIP_FIND_LINKS`), or `scratch`."""
    folder = os.environ.get("PIP_FIND_LINKS", "")
    if not folder or not Path(folder).is_dir():
        return "scratch"
    with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(
            ["docker", "import", "-", _WHEELS], stdin=tar.stdout, check=True, capture_output=True, timeout=300
        )
    return _WHEELS


def docker(*args: str) -> str:
    return subprocess.run(
        ["docker", *args], check=True, capture_output=True, text=True, timeout=120
    ).stdout.strip()


def restarts(container: str) -> int:
    return int(docker("inspect", "-f", "{{.RestartCount}}", container))


def records(folder: RunFolder) -> list[Mapping[str, Any]]:
    """What must agree between runs, in an order that doesn't depend on who was faster."""
    kept = [strip_timings(record) for record in effective(folder.records())]
    return sorted(kept, key=lambda one: (one["sample"], one["turn"], one["probe"], one["path"]))


def wait_for(condition: Any, *, within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.2)

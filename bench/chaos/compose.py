"""Faults on the compose stack: crashes from outside, `docker pause`, networks that are disconnected, fewer CPUs.

The stack is the one that `docker compose` finds by its own variables (COMPOSE_FILE, COMPOSE_PROJECT_NAME, …); it is
brought up where it is not, and left up. The engine must run on this machine: run folders are mounted into the bench.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from bench.chaos.backend import Job
from bench.chaos.docker import crash, docker, engine_trouble
from bench.chaos.plan import BENCH, BROKER, Fault, Kind
from bench.run.children import tail
from shared.errors import ConfigError
from shared.service import SERVICES

__all__ = ["Compose"]

_UP_S = "420"
_SLOW_CPUS = "0.15"
_KINDS = (Kind.KILL, Kind.PAUSE, Kind.CUT, Kind.BROKER_RESTART, Kind.SLOW_S2)
_MOUNTED = "/chaos"


class Compose:
    """The running compose stack; logs of the bench go to `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bench: subprocess.Popen[bytes] | None = None
        self._name = ""
        self._began: dict[str, str] = {}
        self._cut: dict[str, list[tuple[str, list[str]]]] = {}
        self._cpus: dict[str, str] = {}

    def __enter__(self) -> Self:
        if trouble := engine_trouble():
            raise ConfigError(f"no Docker engine answers ({trouble}): start it, or choose --backend embedded")
        self._folder.mkdir(parents=True, exist_ok=True)
        docker("compose", "up", "-d", "--wait", "--wait-timeout", _UP_S, timeout=600)
        return self

    def __exit__(self, *args: object) -> None:
        self.abandon()

    def refusal(self, fault: Fault) -> str:
        """Why this fault can not be had here; empty when it can."""
        if fault.at:
            return "containers have no switches at failpoints: give after_s or after_records, or play it embedded"
        if fault.kind not in _KINDS:
            return f"{fault.kind} can't be had in containers: play it embedded"
        if fault.kind is Kind.CUT and fault.abrupt:
            return "a network that is disconnected breaks no connection: leave `abrupt` out"
        if fault.kind is Kind.CUT and fault.target == BENCH:
            return "the bench of a compose stack is not cut off: choose a service"
        return ""

    def play(self, job: Job, *, resume: bool) -> None:
        """Begin the run as `docker compose run bench`, with the folder of runs mounted."""
        job.out.chmod(0o777)  # the container's user is another one
        self._name = f"dsb-chaos-{job.name}"
        with contextlib.suppress(ConfigError):
            docker("rm", "-f", self._name)
        go_on = ["--resume", f"{_MOUNTED}/{job.name}"] if resume else [_inside(job), "--name", job.name]
        mounted = ["-v", f"{job.out.resolve()}:{_MOUNTED}"]
        words = [
            "run",
            "--rm",
            "-T",
            "--name",
            self._name,
            *mounted,
            "bench",
            "run",
            *go_on,
            "--out",
            _MOUNTED,
        ]
        with self._log.open("ab") as out:
            self._bench = subprocess.Popen(
                ["docker", "compose", *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    @property
    def _log(self) -> Path:
        return self._folder / "bench.log"

    def ended(self) -> int | None:
        """The exit code of the bench; null while it runs."""
        return self._bench.poll() if self._bench else 0

    def abandon(self) -> None:
        """Kill the bench."""
        if self._bench and self._bench.poll() is None:
            with contextlib.suppress(ConfigError):
                docker("kill", self._name)
            self._bench.terminate()
            self._bench.wait(30)

    def said(self) -> str:
        """The last lines that the bench printed."""
        return tail(self._log, 3)

    def arm(self, fault: Fault) -> None:
        """There are no failpoints here: `refusal` says so."""
        raise ConfigError(f"{fault}: {self.refusal(fault)}")

    def sprung(self, fault: Fault) -> bool:
        """Never: there are no failpoints here."""
        return False

    def strike(self, fault: Fault) -> None:
        """Begin the fault, on every container of the target."""
        for container in self._containers(fault.target):
            match fault.kind:
                case Kind.KILL:
                    self._note_start(container, fault.target)
                    crash(container)
                case Kind.PAUSE:
                    docker("pause", container)
                case Kind.CUT:
                    self._disconnect(container)
                case Kind.BROKER_RESTART:
                    self._note_start(container, fault.target)
                    docker("restart", "-t", "10", container)
                case _:
                    self._cpus[container] = docker("inspect", "-f", "{{.HostConfig.NanoCpus}}", container)
                    docker("update", "--cpus", _SLOW_CPUS, container)

    def lift(self, fault: Fault) -> None:
        """End the fault, on every container that it was begun on."""
        if fault.kind is Kind.PAUSE:
            for container in self._containers(fault.target):
                with contextlib.suppress(ConfigError):  # not paused any more
                    docker("unpause", container)
        for container in list(self._cut) if fault.kind is Kind.CUT else ():
            for network, aliases in self._cut.pop(container):
                named = [word for alias in aliases for word in ("--alias", alias)]
                docker("network", "connect", *named, network, container)
        for container in list(self._cpus) if fault.kind is Kind.SLOW_S2 else ():
            docker("update", "--cpus", str(int(self._cpus.pop(container)) / 1e9), container)

    def ready(self, target: str = "") -> bool:
        """Whether every container of the target (empty: of all) was started again and is healthy."""
        if target == BENCH:
            return self.ended() is None
        wanted = [target] if target and target != BROKER else [BROKER, *SERVICES]
        return all(self._healthy(container) for name in wanted for container in self._containers(name))

    def _healthy(self, container: str) -> bool:
        state = _state(container)
        if state.get("StartedAt") == self._began.get(container) or not state.get("Running"):
            return False
        return not state.get("Paused") and state.get("Health", {}).get("Status", "healthy") == "healthy"

    def _note_start(self, container: str, target: str) -> None:
        if target != BENCH:
            self._began[container] = str(_state(container).get("StartedAt"))

    def _containers(self, target: str) -> Sequence[str]:
        if target == BENCH:
            return [self._name] if self.ended() is None else []
        service, _, number = target.rpartition("-")
        if not number.isdigit():
            return docker("compose", "ps", "-q", target).split()
        return docker("compose", "ps", "-q", service).split()[int(number) - 1 : int(number)]

    def _disconnect(self, container: str) -> None:
        """From every network that the broker is in, too."""
        shared = _networks(self._containers(BROKER)[0]).keys()
        for network, how in _networks(container).items():
            if network in shared:
                self._cut.setdefault(container, []).append((network, how.get("Aliases") or []))
                docker("network", "disconnect", network, container)


def _inside(job: Job) -> str:
    """The configuration as the container sees it."""
    return f"{_MOUNTED}/{job.config.resolve().relative_to(job.out.resolve())}"


def _state(container: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("inspect", "-f", "{{json .State}}", container))
    return found


def _networks(container: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container)
    )
    return found

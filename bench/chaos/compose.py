"""Faults on the compose stack: crashes from outside, `docker pause`, networks that are disconnected, switches, a disk.

The stack is the one that `docker compose` finds by its own variables (COMPOSE_FILE, COMPOSE_PROJECT_NAME, …); it is
brought up with what makes it harmable (`overlay`), and in the end again without. The engine must run on this machine:
switches and run folders are mounted into the containers.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from bench.chaos.backend import Job
from bench.chaos.docker import crash, docker, engine_trouble
from bench.chaos.overlay import BALLAST, DISK, STORE, compose_environment, write_overlay
from bench.chaos.plan import BENCH, BROKER, Fault, Kind
from bench.chaos.switches import Switches
from bench.run.children import tail
from shared.errors import ConfigError
from shared.service import SERVICES

__all__ = ["Compose"]

_UP_S = "420"
_MOUNTED, _CONFIG = "/chaos", "/chaos.yaml"
_GO_ON = "kill -CONT -1"
"""To all processes of a container but its first one."""


class _Stale(NamedTuple):
    """Containers of a target that have to be started again, with when each was started before."""

    began: dict[str, str]
    least: int
    """How many of them."""


class Compose:
    """The running compose stack; logs of the bench, switches and the overlay go to `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._bench: subprocess.Popen[bytes] | None = None
        self._job: Job | None = None
        self._name = ""
        self._stale: dict[str, _Stale] = {}
        self._armed: dict[str, dict[str, str]] = {}
        self._cut: dict[str, list[tuple[str, list[str]]]] = {}
        self._modes: dict[Path, int] = {}

    def __enter__(self) -> Self:
        if trouble := engine_trouble():
            raise ConfigError(f"no Docker engine answers ({trouble}): start it, or choose --backend embedded")
        self._switches = Switches(self._folder / "switches")
        self._switches.folder.chmod(0o777)  # the containers' user is another one
        overlay = self._folder / "docker-compose.chaos.yml"
        self._env = compose_environment(overlay)
        plain = json.loads(docker("compose", "config", "--format", "json"))
        self._volume = f"{plain['name']}_{STORE}"
        self._up = ["up", "-d", "--wait", "--wait-timeout", _UP_S, *_scale()]
        write_overlay(
            overlay, switches=self._switches.folder, broker_image=plain["services"][BROKER]["image"]
        )
        try:
            self._compose(*self._up, timeout=600)
        except BaseException:
            with contextlib.suppress(ConfigError):  # the first failure is the one to tell
                self._restore()
            raise
        return self

    def __exit__(self, *args: object) -> None:
        self.abandon()
        self._restore()

    def _restore(self) -> None:
        """The stack as it was before, the broker's own store with it."""
        self._compose("rm", "-fsv", BROKER, DISK)
        docker("compose", *self._up, "--remove-orphans", timeout=600)
        docker("volume", "rm", "-f", self._volume)
        for folder, mode in self._modes.items():
            folder.chmod(mode)

    def refusal(self, fault: Fault) -> str:
        """Why this fault can not be had here; empty when it can."""
        if fault.kind is Kind.CUT and fault.abrupt:
            return "a network that is disconnected breaks no connection: leave `abrupt` out"
        if fault.kind is Kind.CLOCK_JUMP and fault.target != fault.service:
            return f"{fault.kind} hits all of {fault.service}: leave the number in {fault.target!r} out"
        return ""

    def play(self, job: Job, *, resume: bool) -> None:
        """Begin the run as `docker compose run bench`, with the folder of runs mounted."""
        # The container's user is another one.
        job.out.mkdir(parents=True, exist_ok=True)
        self._modes.setdefault(job.out, job.out.stat().st_mode & 0o7777)
        job.out.chmod(0o777)
        job.config.chmod(0o644)
        self._job, self._name = job, f"dsb-chaos-{job.name}"
        with contextlib.suppress(ConfigError):
            docker("rm", "-f", self._name)
        go_on = ["--resume", f"{_MOUNTED}/{job.name}"] if resume else [_CONFIG, "--name", job.name]
        mounts = (f"{job.out.resolve()}:{_MOUNTED}", f"{job.config.resolve()}:{_CONFIG}:ro")
        mounted = [word for mount in mounts for word in ("-v", mount)]
        inside = ["bench", "run", *go_on, "--out", _MOUNTED]
        words = ["run", "--rm", "-T", "--name", self._name, *mounted, *inside]
        with self._log.open("ab") as out:
            self._bench = subprocess.Popen(
                ["docker", "compose", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._env,
            )

    @property
    def _log(self) -> Path:
        return self._folder / "bench.log"

    def ended(self) -> int | None:
        """The exit code of the bench; null while it runs."""
        return self._bench.poll() if self._bench else 0

    def _share(self) -> None:
        """Make what the container's user wrote ours, too: `chaos.json` is written beside it."""
        if self._job and os.geteuid() != 0:
            folder = f"{_MOUNTED}/{self._job.name}"
            words = ["--rm", "-T", "--no-deps", "-v", f"{self._job.out.resolve()}:{_MOUNTED}"]
            self._compose("run", *words, "--entrypoint", "chmod", "bench", "-R", "a+rwX", folder)

    def abandon(self) -> None:
        """Kill the bench."""
        if self._bench and self._bench.poll() is None:
            with contextlib.suppress(ConfigError):
                docker("kill", self._name)
            self._bench.terminate()
            self._bench.wait(30)
        self._share()

    def said(self) -> str:
        """The last lines that the bench printed."""
        return tail(self._log, 3)

    def arm(self, fault: Fault) -> None:
        """Switch the failpoint on."""
        self._armed[fault.at] = self._begun(fault.target)
        self._switches.on(fault)

    def sprung(self, fault: Fault) -> bool:
        """Whether somebody was hit there."""
        if not self._switches.acted(fault):
            return False
        if fault.kind is Kind.KILL and fault.target != BENCH:
            self._stale[fault.target] = _Stale(self._armed[fault.at], 1)
        return True

    def strike(self, fault: Fault) -> bool:
        """Begin the fault, on every container of the target; whether there was one."""
        match fault.kind:
            case Kind.CLOCK_JUMP | Kind.SLOW_S2:
                self._switches.on(fault)
                return True
            case Kind.DISK_FULL:
                return self._fill(fault.target)
        hit = [one for one in self._containers(fault.target) if _state(one).get("Running")]
        if fault.kind in (Kind.KILL, Kind.BROKER_RESTART):
            self._note(fault.target, hit)
        for container in hit:
            match fault.kind:
                case Kind.KILL:
                    crash(container)
                case Kind.PAUSE:
                    docker("pause", container)
                case Kind.CUT:
                    self._disconnect(container)
                case _:
                    docker("restart", "-t", "10", container)
        return bool(hit)

    def lift(self, fault: Fault) -> None:
        """End the fault, on every container that it was begun on."""
        if fault.at:
            self._switches.off(fault)
        match fault.kind:
            case Kind.PAUSE:
                how = ["exec", "{}", "sh", "-c", _GO_ON] if fault.at else ["unpause", "{}"]
                for container in self._containers(fault.target):
                    with contextlib.suppress(ConfigError):  # not paused any more
                        docker(*(word.format(container) for word in how))
            case Kind.CUT:
                for container in list(self._cut):
                    self._connect(container)
            case Kind.CLOCK_JUMP | Kind.SLOW_S2:
                self._switches.off(fault)
            case Kind.DISK_FULL:
                self._free(fault.target)
            case Kind.KILL | Kind.BROKER_RESTART:
                pass

    def ready(self, target: str = "") -> bool:
        """Whether the target (empty: all) was started again as far as it ended, and every container is healthy."""
        if target == BENCH:
            return self.ended() is None
        wanted = [target] if target and target != BROKER else [BROKER, *SERVICES]
        return all(self._is_up(name) for name in wanted)

    def _is_up(self, target: str) -> bool:
        containers = self._containers(target)
        if stale := self._stale.get(target):
            now = self._begun(target)
            if sum(now.get(one) != began for one, began in stale.began.items()) < stale.least:
                return False
        return bool(containers) and all(_healthy(_state(container)) for container in containers)

    def _begun(self, target: str) -> dict[str, str]:
        """When each of its containers was started."""
        return {container: str(_state(container).get("StartedAt")) for container in self._containers(target)}

    def _note(self, target: str, ending: Sequence[str]) -> None:
        """These are about to end, and have to be started again."""
        if target != BENCH:
            began = self._begun(target)
            self._stale[target] = _Stale({one: began[one] for one in ending}, len(ending))

    def _compose(self, *args: str, timeout: float = 120.0) -> str:
        return docker("compose", *args, timeout=timeout, env=self._env)

    def _containers(self, target: str) -> Sequence[str]:
        if target == BENCH:
            return [self._name] if self.ended() is None else []
        service, _, number = target.rpartition("-")
        if not number.isdigit():
            return self._compose("ps", "-a", "-q", target).split()
        return self._compose("ps", "-a", "-q", service).split()[int(number) - 1 : int(number)]

    def _disconnect(self, container: str) -> None:
        """From every network that the broker is in, too."""
        shared = _networks(self._containers(BROKER)[0]).keys()
        for network, how in _networks(container).items():
            if network in shared:
                self._cut.setdefault(container, []).append((network, how.get("Aliases") or []))
                docker("network", "disconnect", network, container)

    def _connect(self, container: str) -> None:
        for network, aliases in self._cut.pop(container):
            named = [word for alias in aliases for word in ("--alias", alias)]
            with contextlib.suppress(ConfigError):  # a bench that is gone by now
                docker("network", "connect", *named, network, container)

    def _fill(self, target: str) -> bool:
        if target == BROKER:
            self._on_disk(f"cat /dev/zero > {BALLAST} || true")
            return True
        assert self._job is not None
        return self._room(f"{_MOUNTED}/{self._job.name}/records.jsonl")

    def _free(self, target: str) -> None:
        if target == BENCH:
            self._room()
            return
        self._on_disk(f"rm -f {BALLAST}")
        # A broker that met a full disk serves no stream until it is started again.
        self.strike(Fault(kind=Kind.BROKER_RESTART, after_s=0))

    def _on_disk(self, script: str) -> None:
        for container in self._containers(DISK):
            docker("exec", container, "sh", "-c", script)

    def _room(self, *file: str) -> bool:
        try:
            docker("exec", self._name, "python", "-m", "bench.chaos.room", *file)
        except ConfigError:  # the bench is over, or does not run yet
            return False
        return True


def _scale() -> list[str]:
    """Options of `docker compose up` that leave each service as many containers as it has now."""
    counts = {name: len(docker("compose", "ps", "-q", name).split()) for name in SERVICES}
    return [word for name, count in counts.items() if count > 1 for word in ("--scale", f"{name}={count}")]


def _healthy(state: dict[str, Any]) -> bool:
    if not state.get("Running") or state.get("Paused"):
        return False
    status: str = state.get("Health", {}).get("Status", "healthy")
    return status == "healthy"


def _state(container: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("inspect", "-f", "{{json .State}}", container))
    return found


def _networks(container: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container)
    )
    return found

"""Faults on Kubernetes: pods that are deleted, and switches in pods of a chart that was installed with some.

The chart must be in the namespace of kubectl's context with `bench.enabled=true` and `chaos.enabled=true`: runs are
pods made from the bench Job's template; a sleeping pod beside them reads the volume of run folders, which are copied
from there. With `chaos.enabled` services see a folder of switches, and talk to the broker through a link of their own.
"""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import time
from typing import Any, Self

from bench.chaos.backend import Job
from bench.chaos.kubectl import kubectl, on_pod, pod_like
from bench.chaos.plan import BENCH, BROKER, Fault, Kind
from bench.chaos.switches import content_of, environment, switch_of
from shared.errors import ConfigError
from shared.service import SERVICES

__all__ = ["Kubernetes"]

_COMPONENT = "app.kubernetes.io/component"
_FILES = "dsb-chaos-files"
_OUT = "/runs/chaos"
"""Ours on the volume of run folders: what is played here is copied away, and removed in the end."""
_SWITCHES = "/switches"
"""Of the chart, in pods of services; the bench has its own in `_OUT`."""
_COPY_S = 1.0
_POD_S = "180s"
_COPIED = ("plays.jsonl", "records.jsonl")
_STOP, _GO_ON = "kill -STOP -1", "kill -CONT -1"
"""To all processes of the container's user."""


class Kubernetes:
    """The release that kubectl's context sees."""

    def __init__(self) -> None:
        self._job: Job | None = None
        self._pod, self._pods = "", 0
        self._copied = 0.0
        self._gone: set[str] = set()
        self._restarts: dict[str, int] = {}
        self._armed: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    def __enter__(self) -> Self:
        jobs = _get("jobs", "-l", f"{_COMPONENT}=bench")["items"]
        if not jobs:
            raise ConfigError(
                "no bench Job is in the namespace of kubectl's context: "
                "helm upgrade RELEASE CHART --reuse-values --set bench.enabled=true,chaos.enabled=true"
            )
        pods = {name: _pods(name) for name in (BROKER, *SERVICES)}
        self._counts = {name: len(of) for name, of in pods.items()}
        if not all(_has_switches(pod) for name in SERVICES for pod in pods[name]):
            raise ConfigError(
                "pods of this release have no switches: "
                "helm upgrade RELEASE CHART --reuse-values --set chaos.enabled=true"
            )
        self._template: dict[str, Any] = jobs[0]["spec"]["template"]
        self._remove(_FILES)
        self._begin_pod(_FILES, command=["sleep", "infinity"], args=[])
        kubectl("wait", "--for=condition=Ready", f"pod/{_FILES}", f"--timeout={_POD_S}")
        self._on_volume("mkdir", "-p", f"{_OUT}{_SWITCHES}")
        return self

    def __exit__(self, *args: object) -> None:
        self.abandon()
        self._on_volume("rm", "-rf", _OUT)
        self._remove(_FILES)

    def refusal(self, fault: Fault) -> str:
        """Why this fault can not be had here; empty when it can."""
        if fault.kind is Kind.CUT and fault.target == BENCH:
            return "the bench has no link that could be cut on Kubernetes: choose a service, or play it on compose"
        if fault.kind is Kind.DISK_FULL and fault.target == BROKER:
            return "a claim's size binds with few storage classes, and the node's disk is not ours: play it on compose"
        if fault.target != fault.service:
            return f"{fault.kind} hits all pods of {fault.service}: leave the number in {fault.target!r} out"
        return ""

    def play(self, job: Job, *, resume: bool) -> None:
        """Begin the run in a pod of its own; the one before is removed, and so is a run of this name."""
        self.abandon()
        if not resume:
            self._on_volume("rm", "-rf", f"{_OUT}/{job.name}")
        self._job, self._pods = job, self._pods + 1
        self._pod = f"dsb-chaos-{job.name}-{self._pods}".lower().replace("_", "-")
        settings = {
            "metadata": {"name": self._pod},
            "data": {"run.yaml": job.config.read_text(encoding="utf-8")},
        }
        kubectl("apply", "-f", "-", send=json.dumps({"apiVersion": "v1", "kind": "ConfigMap", **settings}))
        go_on = ["--resume", f"{_OUT}/{job.name}"] if resume else ["/chaos/run.yaml", "--name", job.name]
        self._begin_pod(self._pod, args=["run", *go_on, "--out", _OUT])

    def ended(self) -> int | None:
        """The exit code of the bench; null while it runs. Brings its folder up to date."""
        if not self._pod or not self._job:
            return 0
        code = self._exit_code()
        if code is not None or time.monotonic() - self._copied > _COPY_S:
            self._copy(() if code is not None else _COPIED)
            self._copied = time.monotonic()
        return code

    def abandon(self) -> None:
        """Delete the pod of the bench, and its settings; what it has written by now is copied."""
        if self._pod:
            self._copy(())
            self._remove(self._pod)
            self._pod = ""

    def said(self) -> str:
        """The last lines that the bench printed."""
        return kubectl("logs", self._pod, "--tail=3", check=False).strip() if self._pod else ""

    def arm(self, fault: Fault) -> None:
        """Switch the failpoint on."""
        self._armed.clear()
        self._arm_new(fault)

    def _arm_new(self, fault: Fault) -> None:
        """In each pod that was not armed yet: one that was made anew has no switches on."""
        if fault.target == BENCH:
            if not self._armed:
                self._on_volume("touch", f"{_OUT}{_SWITCHES}/{switch_of(fault)}")
                self._armed[BENCH] = 0
            return
        for pod in _running(fault.service):
            uid = pod["metadata"]["uid"]
            if uid not in self._armed and self._switch(pod, fault, on=True):
                self._armed[uid] = _restarts(pod)

    def sprung(self, fault: Fault) -> bool:
        """Whether somebody was hit there."""
        self._arm_new(fault)
        look = f"test -e {{}}/{switch_of(fault)} || echo gone"
        if fault.target == BENCH:
            return self._on_volume("sh", "-c", look.format(f"{_OUT}{_SWITCHES}")) == b"gone\n"
        for pod in _running(fault.service):
            name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
            seen = on_pod(name, "sh", "-c", look.format(_SWITCHES), container=fault.service)
            if uid in self._armed and seen == b"gone\n":
                if fault.kind is Kind.KILL:
                    self._restarts[uid] = self._armed[uid] + 1
                return True
        return False

    def strike(self, fault: Fault) -> bool:
        """Begin the fault, in all pods of the target; whether there was one."""
        match fault.kind:
            case Kind.KILL | Kind.BROKER_RESTART:
                return self._delete(fault)
            case Kind.PAUSE:
                return self._signal(fault, _STOP)
            case Kind.DISK_FULL:
                return self._room(f"{_OUT}/{self._job.name}/records.jsonl" if self._job else "")
            case Kind.CUT | Kind.CLOCK_JUMP | Kind.SLOW_S2:
                on = [self._switch(pod, fault, on=True) for pod in _running(fault.service)]
                return any(on)

    def lift(self, fault: Fault) -> None:
        """End the fault; a deleted pod needs no more."""
        if fault.at and fault.target == BENCH:
            self._on_volume("rm", "-f", f"{_OUT}{_SWITCHES}/{switch_of(fault)}")
        elif switch_of(fault):
            for pod in _running(fault.service):
                self._switch(pod, fault, on=False)
        if fault.kind is Kind.PAUSE:
            self._signal(fault, _GO_ON)
        elif fault.kind is Kind.DISK_FULL:
            self._room()

    def ready(self, target: str = "") -> bool:
        """Whether all pods of the target (empty: of all) are ready, and none of them is one that was to go."""
        if target == BENCH:
            return self.ended() is None
        wanted = [target] if target and target != BROKER else [BROKER, *SERVICES]
        return all(self._stands(name) for name in wanted)

    def _stands(self, name: str) -> bool:
        pods = _pods(name)
        return len(pods) >= self._counts.get(name, 1) and all(
            pod["metadata"]["uid"] not in self._gone
            and _restarts(pod) >= self._restarts.get(pod["metadata"]["uid"], 0)
            and all(one["ready"] for one in pod["status"].get("containerStatuses", [{"ready": False}]))
            for pod in pods
        )

    def _delete(self, fault: Fault) -> bool:
        if fault.target == BENCH:
            kubectl("delete", "pod", self._pod, "--grace-period=0", "--force")
            return True
        grace = ["--grace-period=0", "--force"] if fault.kind is Kind.KILL else []
        pods = _running(fault.service)
        self._gone |= {pod["metadata"]["uid"] for pod in pods}
        if pods:
            kubectl("delete", "pod", *(pod["metadata"]["name"] for pod in pods), "--wait=false", *grace)
        return bool(pods)

    def _switch(self, pod: dict[str, Any], fault: Fault, *, on: bool) -> bool:
        """Put a switch there, whole at once, or take it away; whether that could be done."""
        file = f"{_SWITCHES}/{switch_of(fault)}"
        made = f"printf %s '{content_of(fault)}' > {file}.new && mv {file}.new {file} && echo done"
        script = made if on else f"rm -f {file} && echo done"
        return on_pod(pod["metadata"]["name"], "sh", "-c", script, container=fault.service) != b""

    def _signal(self, fault: Fault, script: str) -> bool:
        names = (
            [self._pod]
            if fault.target == BENCH
            else [pod["metadata"]["name"] for pod in _running(fault.service)]
        )
        said = [on_pod(name, "sh", "-c", f"{script} && echo done", container=fault.service) for name in names]
        return any(said)

    def _room(self, *file: str) -> bool:
        script = f"python -m bench.chaos.room {' '.join(file)} && echo done"
        return on_pod(self._pod, "sh", "-c", script, container=BENCH) != b""

    def _exit_code(self) -> int | None:
        found = kubectl("get", "pod", self._pod, "-o", "json", "--ignore-not-found")
        if not found:
            return 137  # deleted
        states = json.loads(found)["status"].get("containerStatuses", [])
        ended = states[0]["state"].get("terminated") if states else None
        return None if ended is None else int(ended["exitCode"])

    def _copy(self, files: tuple[str, ...]) -> None:
        """Copy files of the run folder (none named: all) from the volume."""
        assert self._job is not None
        names = [f"{self._job.name}/{file}" for file in files] or [self._job.name]
        packed = self._on_volume("tar", "-C", _OUT, "--ignore-failed-read", "-cf", "-", *names)
        with contextlib.suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(self._job.out, filter="data")

    def _on_volume(self, *words: str) -> bytes:
        """What a command prints that sees the run folders; a folder that is not there yet is no error."""
        return on_pod(_FILES, *words, container=BENCH)

    def _begin_pod(self, name: str, **words: list[str]) -> None:
        own = environment(f"{_OUT}{_SWITCHES}", BENCH)
        kubectl("apply", "-f", "-", send=json.dumps(pod_like(self._template, name, env=own, **words)))

    def _remove(self, name: str) -> None:
        kubectl("delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force")
        kubectl("delete", "configmap", name, "--ignore-not-found")


def _get(*args: str) -> Any:
    return json.loads(kubectl("get", *args, "-o", "json"))


def _pods(component: str) -> list[dict[str, Any]]:
    """Those that are not about to go."""
    found: list[dict[str, Any]] = _get("pods", "-l", f"{_COMPONENT}={component}")["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def _running(component: str) -> list[dict[str, Any]]:
    return [pod for pod in _pods(component) if pod["status"].get("phase") == "Running"]


def _restarts(pod: dict[str, Any]) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", ()))


def _has_switches(pod: dict[str, Any]) -> bool:
    return any(volume["name"] == "switches" for volume in pod["spec"]["volumes"])

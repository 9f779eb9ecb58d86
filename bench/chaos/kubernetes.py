"""Faults on Kubernetes: pods that are deleted without grace, and a broker's that is told to stop.

The chart must be installed in the namespace of kubectl's context with `bench.enabled=true`: runs are pods made from
that Job's template. A sleeping pod beside them reads the volume of run folders, which are copied from there.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import tarfile
import time
from typing import Any, Self

from bench.chaos.backend import Job
from bench.chaos.plan import BENCH, BROKER, Fault, Kind
from shared.errors import ConfigError
from shared.service import SERVICES

__all__ = ["Kubernetes", "kubectl", "pod_like"]

_COMPONENT = "app.kubernetes.io/component"
_FILES = "dsb-chaos-files"
_MOUNTED = "/chaos"
_OUT = "/runs/chaos"
"""Ours on the volume of run folders: what is played here is copied away, and removed in the end."""
_COPY_S = 1.0
_POD_S = "180s"
_COPIED = ("plays.jsonl", "records.jsonl")


class Kubernetes:
    """The release that kubectl's context sees."""

    def __init__(self) -> None:
        self._job: Job | None = None
        self._pod, self._pods = "", 0
        self._copied = 0.0
        self._gone: set[str] = set()

    def __enter__(self) -> Self:
        jobs = _get("jobs", "-l", f"{_COMPONENT}=bench")["items"]
        if not jobs:
            raise ConfigError(
                "no bench Job is in the namespace of kubectl's context: "
                "helm upgrade RELEASE CHART --reuse-values --set bench.enabled=true"
            )
        self._template: dict[str, Any] = jobs[0]["spec"]["template"]
        self._remove(_FILES)
        self._begin_pod(_FILES, command=["sleep", "infinity"], args=[])
        kubectl("wait", "--for=condition=Ready", f"pod/{_FILES}", f"--timeout={_POD_S}")
        return self

    def __exit__(self, *args: object) -> None:
        self.abandon()
        _on_volume("rm", "-rf", _OUT)
        self._remove(_FILES)

    def refusal(self, fault: Fault) -> str:
        """Why this fault can not be had here; empty when it can."""
        if fault.at:
            return "pods have no switches at failpoints: give after_s or after_records, or play it embedded"
        if fault.kind not in (Kind.KILL, Kind.BROKER_RESTART):
            return f"{fault.kind} can't be had through the API of Kubernetes: play it embedded or on compose"
        return ""

    def play(self, job: Job, *, resume: bool) -> None:
        """Begin the run in a pod of its own; the one before is removed, and so is a run of this name."""
        self.abandon()
        if not resume:
            _on_volume("rm", "-rf", f"{_OUT}/{job.name}")
        self._job, self._pods = job, self._pods + 1
        self._pod = f"dsb-chaos-{job.name}-{self._pods}".lower().replace("_", "-")
        settings = {
            "metadata": {"name": self._pod},
            "data": {"run.yaml": job.config.read_text(encoding="utf-8")},
        }
        kubectl("apply", "-f", "-", send=json.dumps({"apiVersion": "v1", "kind": "ConfigMap", **settings}))
        go_on = ["--resume", f"{_OUT}/{job.name}"] if resume else [f"{_MOUNTED}/run.yaml", "--name", job.name]
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
        """There are no failpoints here: `refusal` says so."""
        raise ConfigError(f"{fault}: {self.refusal(fault)}")

    def sprung(self, fault: Fault) -> bool:
        """Never: there are no failpoints here."""
        return False

    def strike(self, fault: Fault) -> None:
        """Delete the pods of the target."""
        if fault.target == BENCH:
            kubectl("delete", "pod", self._pod, "--grace-period=0", "--force")
            return
        grace = ["--grace-period=0", "--force"] if fault.kind is Kind.KILL else []
        pods = _pods(fault.service)
        self._gone |= {pod["metadata"]["uid"] for pod in pods}
        kubectl("delete", "pod", *(pod["metadata"]["name"] for pod in pods), "--wait=false", *grace)

    def lift(self, fault: Fault) -> None:
        """A deleted pod needs no more."""

    def ready(self, target: str = "") -> bool:
        """Whether other pods stand in the place of those that were deleted, and are ready."""
        if target == BENCH:
            return self.ended() is None
        wanted = [target] if target and target != BROKER else [BROKER, *SERVICES]
        return all(self._stands(name) for name in wanted)

    def _stands(self, name: str) -> bool:
        pods = [pod for pod in _pods(name) if not pod["metadata"].get("deletionTimestamp")]
        return bool(pods) and all(
            pod["metadata"]["uid"] not in self._gone
            and all(one["ready"] for one in pod["status"].get("containerStatuses", [{"ready": False}]))
            for pod in pods
        )

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
        packed = _on_volume("tar", "-C", _OUT, "--ignore-failed-read", "-cf", "-", *names)
        with contextlib.suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(self._job.out, filter="data")

    def _begin_pod(self, name: str, **words: list[str]) -> None:
        kubectl("apply", "-f", "-", send=json.dumps(pod_like(self._template, name, **words)))

    def _remove(self, name: str) -> None:
        kubectl("delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force")
        kubectl("delete", "configmap", name, "--ignore-not-found")


def pod_like(
    template: dict[str, Any], name: str, *, args: list[str], command: list[str] | None = None
) -> dict[str, Any]:
    """A pod as the bench Job's template has it, with other words; one that plays finds its settings mounted."""
    spec = json.loads(json.dumps(template["spec"]))
    container = spec["containers"][0]
    container["args"] = args
    if command:
        container["command"] = command
    else:
        container["volumeMounts"].append({"name": "settings", "mountPath": _MOUNTED})
        spec["volumes"].append({"name": "settings", "configMap": {"name": name}})
    # With these the Job would take the pod for one of its own.
    foreign = ("controller-uid", "job-name")
    labels = {k: v for k, v in template["metadata"]["labels"].items() if not k.endswith(foreign)}
    spec["restartPolicy"] = "Never"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def kubectl(*args: str, send: str = "", check: bool = True) -> str:
    """What it prints; raises `ConfigError` with its own words when it fails."""
    try:
        ended = subprocess.run(["kubectl", *args], capture_output=True, text=True, timeout=300, input=send)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"kubectl {args[0]}: {error}; install kubectl, and set KUBECONFIG") from error
    if check and ended.returncode:
        said = " ".join(ended.stderr.split())[-300:]
        raise ConfigError(f"kubectl {args[0]} failed: {said}; does the context name the chart's namespace?")
    return ended.stdout


def _on_volume(*words: str) -> bytes:
    """What a command prints that sees the run folders; one that fails is no error: a folder may not be there yet."""
    command = ["kubectl", "exec", _FILES, "--", *words]
    return subprocess.run(command, capture_output=True, timeout=120).stdout


def _get(*args: str) -> Any:
    return json.loads(kubectl("get", *args, "-o", "json"))


def _pods(component: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _get("pods", "-l", f"{_COMPONENT}={component}")["items"]
    return found

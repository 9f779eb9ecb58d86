"""The chart in a namespace of its own on the cluster of kubectl's context; what else is there is left alone.

`DSB_E2E_IMAGES` is the prefix of the images (`registry.example.org/team/dualstreambench`), `DSB_E2E_TAG` their tag.
Claims are of the cluster's default storage class; a cluster without one gets volumes on its node, as long as it lasts.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.run.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm"
CLAIMS = ("data", "runs", "notes", "nats")
_KINDS = "all,pvc,secret,configmap,serviceaccount,networkpolicy,poddisruptionbudget"
_TOOLS = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))


def cluster_trouble() -> str:
    """Empty when a cluster answers, else why not."""
    for tool in ("kubectl", "helm"):
        if not shutil.which(tool, path=_TOOLS):
            return f"no {tool}"
    ended = subprocess.run(
        ["kubectl", "get", "--raw", "/readyz", "--request-timeout=10s"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": _TOOLS},
    )
    return "" if ended.returncode == 0 else " ".join(ended.stderr.split()[-12:])


class Cluster:
    """`kubectl` and `helm` in one namespace, and the release `dsb` there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace = f"dsb-e2e-{uuid4().hex[:6]}"
        self._env = {**os.environ, "PATH": _TOOLS, "HELM_NAMESPACE": self.namespace}
        self.repository = os.environ.get("DSB_E2E_IMAGES", "dualstreambench")
        self.tag = os.environ.get("DSB_E2E_TAG", "e2e")
        self._own_disk = False

    def _run(self, command: list[str], *, check: bool, timeout: float, send: str = "") -> bytes:
        ended = subprocess.run(
            command, env=self._env, capture_output=True, timeout=timeout, input=send.encode(), cwd=self.folder
        )
        said = f"{' '.join(command)}:\n{ended.stdout[-3000:].decode(errors='replace')}\n{ended.stderr[-3000:].decode()}"
        assert ended.returncode == 0 or not check, said
        return ended.stdout

    def kubectl(self, *args: str, check: bool = True, timeout: float = 300, send: str = "") -> str:
        command = ["kubectl", "-n", self.namespace, *args]
        return self._run(command, check=check, timeout=timeout, send=send).decode(errors="replace")

    def helm(self, *args: str, timeout: float = 420) -> str:
        return self._run(["helm", *args], check=True, timeout=timeout).decode(errors="replace")

    def get(self, *args: str) -> Any:
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def own_context(self) -> Path:
        """A kubeconfig whose context is in our namespace."""
        file = self.folder / "kubeconfig"
        file.write_text(self.kubectl("config", "view", "--raw", "--minify", "--flatten"))
        file.chmod(0o600)
        self.kubectl(
            "--kubeconfig", str(file), "config", "set-context", "--current", f"--namespace={self.namespace}"
        )
        return file

    # The life of the namespace.

    def begin(self) -> None:
        """The namespace, and where the cluster has no storage class, volumes on its node."""
        self.kubectl("create", "namespace", self.namespace)
        classes = self.get("storageclass")["items"]
        default = "storageclass.kubernetes.io/is-default-class"
        self._own_disk = not any(
            one["metadata"].get("annotations", {}).get(default) == "true" for one in classes
        )
        if self._own_disk:
            folders = " ".join(f"/disk/{self.namespace}/{claim}" for claim in CLAIMS)
            self._on_disk(f"mkdir -p {folders} && chown 10001:10001 {folders}")
            self._apply([self._volume(claim) for claim in CLAIMS])

    def end(self) -> None:
        """Remove all that this made."""
        self.kubectl("delete", "namespace", self.namespace, "--wait", "--timeout=120s", check=False)
        if self._own_disk:
            names = [f"{self.namespace}-{claim}" for claim in CLAIMS]
            self.kubectl("delete", "pv", *names, "--wait=false", check=False)
            self.kubectl("create", "namespace", self.namespace, check=False)
            self._on_disk(f"rm -rf /disk/{self.namespace}")
            self.kubectl("delete", "namespace", self.namespace, "--wait", "--timeout=120s", check=False)

    def _on_disk(self, script: str) -> None:
        """Run a line of shell as root on the node, in the folder that holds our volumes."""
        container = {
            "name": "disk",
            "image": f"{self.repository}/nats:{self.tag}",
            "command": ["sh", "-c", script],
            "securityContext": {"runAsUser": 0, "runAsNonRoot": False},
            "volumeMounts": [{"name": "disk", "mountPath": "/disk"}],
        }
        volume = {"name": "disk", "hostPath": {"path": "/tmp/dsb-e2e", "type": "DirectoryOrCreate"}}
        spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
        self._apply([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "disk"}, "spec": spec}])
        wait_for(lambda: self._phase("disk") == "Succeeded", within_s=120, what=script)
        self.kubectl("delete", "pod", "disk", "--grace-period=0", "--force")

    def _phase(self, pod: str) -> str:
        phase = str(self.get("pod", pod)["status"]["phase"])
        assert phase != "Failed", self.kubectl("logs", pod, check=False)
        return phase

    def _volume(self, claim: str) -> dict[str, Any]:
        spec = {
            "capacity": {"storage": "4Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": self.namespace,
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": self.namespace, "name": f"dsb-{claim}"},
            "hostPath": {"path": f"/tmp/dsb-e2e/{self.namespace}/{claim}"},
        }
        name = f"{self.namespace}-{claim}"
        return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}

    def _apply(self, objects: list[dict[str, Any]]) -> None:
        whole = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "-f", "-", send=json.dumps(whole))

    # The release.

    def values(self) -> Path:
        """The chart's values for this cluster: our images, small volumes."""
        disk: dict[str, Any] = {"size": "1Gi", "storageClass": self.namespace if self._own_disk else None}
        claimed = dict.fromkeys(("data", "runs", "notes"), disk)
        held = {
            "image": {"repository": self.repository, "tag": self.tag},
            "storage": claimed,
            # Of which the frame logs alone may take 2 GB.
            "nats": {"persistence": {**disk, "size": "4Gi"}},
        }
        file = self.folder / "values.json"
        file.write_text(json.dumps(held))
        return file

    def upgrade(self, *settings: str) -> None:
        """Change the release by `--set-json` settings; what was set before stays."""
        words = [word for setting in settings for word in ("--set-json", setting)]
        self.helm("upgrade", "dsb", str(CHART), "--reuse-values", "--wait", "--timeout", "400s", *words)

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of a part that are not about to go."""
        label = f"app.kubernetes.io/instance=dsb,app.kubernetes.io/component={component}"
        return [
            pod
            for pod in self.get("pods", "-l", label)["items"]
            if "deletionTimestamp" not in pod["metadata"]
        ]

    def ready(self, component: str) -> list[str]:
        """The names of its pods that are ready."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods(component)
            for condition in pod["status"].get("conditions", ())
            if condition["type"] == "Ready" and condition["status"] == "True"
        ]

    def restarts(self) -> dict[str, int]:
        """How often the containers of each pod were started again."""
        return {
            pod["metadata"]["name"]: sum(
                one["restartCount"] for one in pod["status"].get("containerStatuses", ())
            )
            for pod in self.get("pods")["items"]
        }

    def left(self) -> list[str]:
        """What of the release is still there."""
        return self.kubectl(
            "get", _KINDS, "-l", "app.kubernetes.io/instance=dsb", "-o", "name", "--ignore-not-found"
        ).split()

    # Runs.

    def play(self, name: str, *args: str) -> Job:
        """Begin a demo as a Job of the chart."""
        words = ["demo", "--name", name, *args]
        self.upgrade("bench.enabled=true", f"bench.args={json.dumps(words)}")
        jobs = self.get("jobs", "-l", "app.kubernetes.io/component=bench")["items"]
        [job] = [one for one in jobs if name in one["spec"]["template"]["spec"]["containers"][0]["args"]]
        return Job(self, job["metadata"]["name"], name)

    def shelf(self) -> None:
        """A pod that sees the run folders, so that they can be read while and after a run."""
        container = {
            "name": "shelf",
            "image": f"{self.repository}/nats:{self.tag}",
            "command": ["sleep", "36000"],
            "volumeMounts": [{"name": "runs", "mountPath": "/runs", "readOnly": True}],
        }
        volume = {"name": "runs", "persistentVolumeClaim": {"claimName": "dsb-runs"}}
        spec = {
            "containers": [container],
            "volumes": [volume],
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": 10001},
        }
        self._apply([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shelf"}, "spec": spec}])
        self.kubectl("wait", "--for=condition=Ready", "pod/shelf", "--timeout=120s")

    def answers(self, run: str) -> int:
        """How many records a run has by now."""
        shown = self.kubectl("exec", "shelf", "--", "wc", "-l", f"/runs/{run}/records.jsonl", check=False)
        return int(shown.split()[0]) if shown.strip() else 0

    def fetch(self, run: str) -> RunFolder:
        """Copy a run folder here."""
        command = ["kubectl", "-n", self.namespace, "exec", "shelf", "--", "tar", "-C", "/runs", "-cf", "-"]
        packed = self._run([*command, run], check=True, timeout=120)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(self.folder / "runs", filter="data")
        return RunFolder.open(self.folder / "runs" / run)


class Job:
    """A run that goes on."""

    def __init__(self, cluster: Cluster, name: str, run: str) -> None:
        self._cluster, self.name, self.run = cluster, name, run
        self.lossy = False
        """A pod of it may fail, as long as another one completes."""

    def log(self) -> str:
        return self._cluster.kubectl("logs", f"job/{self.name}", "--tail", "100", check=False)

    def over(self) -> bool:
        """Whether it has completed; fails the test when it failed."""
        status = self._cluster.get("job", self.name)["status"]
        failed = [one for one in status.get("conditions", ()) if one["type"] == "Failed"]
        assert not failed, f"{failed}\n{self.log()}"
        assert self.lossy or not status.get("failed"), f"a pod of {self.name} failed:\n{self.log()}"
        return bool(status.get("succeeded"))

    def under_way(self, answers: int = 4) -> None:
        """Return once it has some answers; fails the test when it is over by then."""
        wait_for(
            lambda: self._cluster.answers(self.run) >= answers or self.over(),
            within_s=240,
            what="first answers",
        )
        assert not self.over(), f"the run ended too soon:\n{self.log()}"

    def wait(self, within_s: float = 420) -> str:
        """Its end; what it printed."""
        wait_for(self.over, within_s=within_s, what=f"{self.name} completed")
        return self.log()


def wait_for(condition: Any, *, within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.5)

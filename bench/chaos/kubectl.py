"""Calls of the `kubectl` command, and the pods that are made beside a release."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from shared.errors import ConfigError

__all__ = ["kubectl", "on_pod", "pod_like"]

_MOUNTED = "/chaos"


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


def on_pod(pod: str, *words: str, container: str) -> bytes:
    """What a command prints in a pod; nothing where the pod is gone or the command fails."""
    command = ["kubectl", "exec", pod, "-c", container, "--", *words]
    return subprocess.run(command, capture_output=True, timeout=120).stdout


def pod_like(
    template: dict[str, Any],
    name: str,
    *,
    args: list[str],
    command: list[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A pod as the bench Job's template has it, with other words; one that plays finds its settings mounted.

    `env` is more of it for the pod that plays, whose processes can be stopped: they share a namespace.
    """
    spec = json.loads(json.dumps(template["spec"]))
    container = spec["containers"][0]
    container["args"] = args
    if command:
        container["command"] = command
    else:
        spec["shareProcessNamespace"] = True
        more = [{"name": key, "value": value} for key, value in (env or {}).items()]
        container["env"] = [*container.get("env", []), *more]
        container["volumeMounts"].append({"name": "settings", "mountPath": _MOUNTED})
        spec["volumes"].append({"name": "settings", "configMap": {"name": name}})
    # With these the Job would take the pod for one of its own.
    foreign = ("controller-uid", "job-name")
    labels = {k: v for k, v in template["metadata"]["labels"].items() if not k.endswith(foreign)}
    spec["restartPolicy"] = "Never"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}

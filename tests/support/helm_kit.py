"""What tests of the Helm chart share: a matrix of values, and the chart rendered over it, read as objects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm"
HELM = shutil.which("helm") or shutil.which("helm", path=str(Path(sys.executable).parent))
PROVIDER = "services.s2.envFrom[0].secretRef.name=keys,bench.envFrom[0].secretRef.name=keys"
RULE = "{}[0].ports[0].port=443,{}[0].ports[0].protocol=TCP"
PLACE = "{0}.nodeSelector.pool=a,{0}.tolerations[0].key=b,{0}.tolerations[0].operator=Exists,{0}.priorityClassName=high"
SPREAD = (
    "services.s1.topologySpreadConstraints[0].maxSkew=1,services.s1.topologySpreadConstraints[0].topologyKey=zone,"
    "services.s1.topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway"
)
AFFINITY = (
    "services.s1.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
    ".matchExpressions[0].key=c,services.s1.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    ".nodeSelectorTerms[0].matchExpressions[0].operator=Exists"
)
DIGEST = "sha256:" + "a" * 64
CASES = {
    "default": "",
    "bench": "bench.enabled=true",
    "qdrant": "qdrant.enabled=true,services.memory.replicas=2",
    "scaled": "autoscaling.enabled=true,bench.enabled=true",
    "gpu": "services.s2.gpu.count=2,services.s2.nodeSelector.gpu=a100,services.s2.runtimeClassName=nvidia",
    "watched": "monitoring.serviceMonitor.enabled=true,monitoring.dashboards.enabled=true,"
    "networkPolicy.monitoring[0].namespaceSelector.matchLabels.a=b",
    "bare": "networkPolicy.enabled=false,podDisruptionBudget.enabled=false,serviceAccount.create=false,"
    "storage.data.enabled=false,storage.runs.enabled=false,storage.notes.enabled=false,nats.persistence.enabled=false",
    "tls": "credentials.tlsSecret=dsb-tls,bench.enabled=true",
    "nkeys": "credentials.nkeysSecret=dsb-nkeys,bench.enabled=true",
    "nkeys over tls": "credentials.nkeysSecret=dsb-nkeys,credentials.tlsSecret=dsb-tls,bench.enabled=true",
    "traced": "tracing.endpoint=http://collector.watch:4318,bench.enabled=true",
    "chaos": "chaos.enabled=true,bench.enabled=true",
    "kept": "bench.enabled=true,storage.runs.keep=true,nats.persistence.keep=true",
    "claims": "storage.data.existingClaim=videos,storage.models.existingClaim=models,bench.enabled=true",
    "models": "storage.models.enabled=true,offline=false,bench.enabled=true",
    "shared": "storage.data.accessModes[0]=ReadWriteMany,services.reader.replicas=3,bench.enabled=true",
    "placed": ",".join(
        PLACE.format(one) for one in ("init", "bench", "nats", "qdrant", "services.reader", "services.memory")
    )
    + f",{AFFINITY},{AFFINITY.replace('services.s1', 'services.reader')},{SPREAD},qdrant.enabled=true"
    ",bench.enabled=true,services.s2.podLabels.team=d",
    "digests": f"services.router.digest={DIGEST},services.s1.digest={DIGEST},nats.digest={DIGEST},"
    f"bench.digest={DIGEST},bench.enabled=true,image.pullSecrets[0].name=pull,qdrant.enabled=true",
    "egress": f"{PROVIDER},bench.enabled=true,"
    + ",".join(
        RULE.replace("{}", f"networkPolicy.{one}Egress") for one in ("reader", "model", "memory", "bench")
    ),
    "agreed": "busEnv.DSB_LEASE_TTL_S=3,busEnv.DSB_FRAMES_MAX_BYTES=4000000000,bench.enabled=true",
    "elsewhere": "bench.enabled=true,autoscaling.enabled=true,monitoring.serviceMonitor.enabled=true",
    "external": "bench.enabled=true",
    "external over tls": "credentials.tlsSecret=dsb-tls,external.natsUrl=tls://a:4443\\,tls://b:4444,"
    "external.qdrantUrl=https://notes:7443",
    "external scaled": "autoscaling.enabled=true",
}
OURS = ("memory", "reader", "router", "s1", "s2", "nats", "init", "bench")
CUSTOM = {"ScaledObject", "ServiceMonitor"}
"""Kinds of others, which the validator has no schema for."""

NO_HELM = "no helm: `python deploy/kube_tools.py .venv/bin`, or install it"
needs_helm = pytest.mark.skipif(HELM is None and os.environ.get("DSB_REQUIRE_HELM") != "1", reason=NO_HELM)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    assert HELM, NO_HELM
    return subprocess.run([HELM, *words], capture_output=True, text=True)


def objects(*values: str, release: str = "dsb", more: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    words = [word for one in values if one for word in ("--set", one)]
    ended = run("template", release, str(CHART), *more, *words)
    assert ended.returncode == 0, ended.stderr
    return [found for found in yaml.safe_load_all(ended.stdout) if found]


@cache
def rendered(case: str, version: str = "1.31.0") -> list[dict[str, Any]]:
    """The objects of a case."""
    more = ["--kube-version", version]
    if case.startswith("external"):
        more += ["-f", str(CHART / "values-external.yaml")]
    if case == "elsewhere":
        return objects(CASES[case], release="other", more=(*more, "--namespace", "apart"))
    return objects(CASES[case], more=tuple(more))


ALL = list(CASES)


def of_kind(case: str, *kinds: str) -> list[dict[str, Any]]:
    return [found for found in rendered(case) if found["kind"] in kinds]


def pods(case: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, labels and spec of every pod that would be made."""
    for found in of_kind(case, "Deployment", "StatefulSet", "Job"):
        template = found["spec"]["template"]
        yield found["metadata"]["name"], template["metadata"]["labels"], template["spec"]


def env_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of a pod; null where a Secret says."""
    return {one["name"]: one.get("value") for one in spec["containers"][0].get("env", [])}


def pod(case: str, component: str) -> dict[str, Any]:
    (found,) = (spec for _, held, spec in pods(case) if held["app.kubernetes.io/component"] == component)
    return found


def policies(case: str) -> dict[str, Any]:
    return {found["metadata"]["name"]: found["spec"] for found in of_kind(case, "NetworkPolicy")}


def chosen(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector means who has these labels."""
    for one in selector.get("matchExpressions", ()):
        if (labels.get(one["key"]) in one["values"]) != {"In": True, "NotIn": False}[one["operator"]]:
            return False
    matched: Mapping[str, str] = selector.get("matchLabels", {})
    return matched.items() <= labels.items()


def peers(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Whom of the release itself a policy lets in or out to."""
    for side, way in (("ingress", "from"), ("egress", "to")):
        for rule in found["spec"].get(side, ()):
            for peer in rule.get(way, ()):
                if set(peer) == {"podSelector"}:
                    yield peer["podSelector"]


@cache
def validate(found: str, version: str) -> None:
    """Raises when an object, as JSON, is none of this Kubernetes; most are the same in many cases."""
    made = json.loads(found)
    if made["kind"] not in CUSTOM:
        kubernetes_validate.validate(made, version, strict=True)

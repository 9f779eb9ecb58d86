"""The Helm chart, as far as it can be checked without a cluster: rendered over a matrix of values, read as objects."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from services.memory.settings import Settings as MemorySettings
from services.reader.settings import ReaderSettings
from services.router.settings import RouterSettings
from services.s1.settings import S1Settings
from services.s2.settings import S2Settings

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm"
HELM = shutil.which("helm") or shutil.which("helm", path=str(Path(sys.executable).parent))
SETTINGS = {
    "memory": MemorySettings, "reader": ReaderSettings, "router": RouterSettings, "s1": S1Settings, "s2": S2Settings,
}  # fmt: skip
CASES = {
    "default": "",
    "bench": "bench.enabled=true",
    "qdrant": "qdrant.enabled=true,services.memory.replicas=2",
    "scaled": "autoscaling.enabled=true,bench.enabled=true",
    "gpu": "services.s2.gpu.count=2,services.s2.nodeSelector.gpu=a100,services.s2.runtimeClassName=nvidia",
    "watched": "monitoring.serviceMonitor.enabled=true,networkPolicy.monitoring[0].namespaceSelector.matchLabels.a=b",
    "bare": "networkPolicy.enabled=false,podDisruptionBudget.enabled=false,serviceAccount.create=false,"
    "storage.data.enabled=false,storage.runs.enabled=false,storage.notes.enabled=false,nats.persistence.enabled=false",
    "tls": "credentials.tlsSecret=dsb-tls,bench.enabled=true",
    "nkeys": "credentials.nkeysSecret=dsb-nkeys,bench.enabled=true",
    "nkeys over tls": "credentials.nkeysSecret=dsb-nkeys,credentials.tlsSecret=dsb-tls,bench.enabled=true",
    "traced": "tracing.endpoint=http://collector.watch:4318,bench.enabled=true",
    "kept": "storage.runs.keep=true,nats.persistence.keep=true",
    "claims": "storage.data.existingClaim=videos,storage.models.existingClaim=models,bench.enabled=true",
}
OURS = ("memory", "reader", "router", "s1", "s2", "nats", "init", "bench")
CUSTOM = {"ScaledObject", "ServiceMonitor"}
"""Kinds of others, which the validator has no schema for."""

pytestmark = pytest.mark.skipif(
    HELM is None, reason="no helm: `python deploy/kube_tools.py .venv/bin`, or install it"
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(HELM), *words], capture_output=True, text=True)


@cache
def rendered(case: str, version: str = "1.31.0") -> list[dict[str, Any]]:
    """The objects of a case."""
    words = ["template", "dsb", str(CHART), "--kube-version", version]
    if case == "external":
        words += ["-f", str(CHART / "values-external.yaml")]
    elif CASES[case]:
        words += ["--set", CASES[case]]
    ended = run(*words)
    assert ended.returncode == 0, ended.stderr
    return [found for found in yaml.safe_load_all(ended.stdout) if found]


ALL = [*CASES, "external"]


def of_kind(case: str, *kinds: str) -> list[dict[str, Any]]:
    return [found for found in rendered(case) if found["kind"] in kinds]


def pods(case: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, labels and spec of every pod that would be made."""
    for found in of_kind(case, "Deployment", "StatefulSet", "Job"):
        template = found["spec"]["template"]
        yield found["metadata"]["name"], template["metadata"]["labels"], template["spec"]


def test_the_chart_is_clean_for_the_strict_linter() -> None:
    ended = run("lint", "--strict", str(CHART))
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("version", ["1.25", "1.31", "1.37"])
@pytest.mark.parametrize("case", ALL)
def test_every_object_is_valid_for_its_kubernetes(case: str, version: str) -> None:
    for found in rendered(case, f"{version}.0"):
        if found["kind"] not in CUSTOM:
            kubernetes_validate.validate(found, version, strict=True)


def test_an_older_cluster_gets_the_version_that_it_knows() -> None:
    words = ("template", "dsb", str(CHART), "--kube-version", "1.20.2")
    ended = run(*words)
    assert ended.returncode == 0, ended.stderr
    budgets = [x for x in yaml.safe_load_all(ended.stdout) if x and x["kind"] == "PodDisruptionBudget"]
    assert [found["apiVersion"] for found in budgets] == ["policy/v1beta1"] * 5
    assert {found["apiVersion"] for found in of_kind("default", "PodDisruptionBudget")} == {"policy/v1"}


@pytest.mark.parametrize("case", ALL)
def test_no_pod_runs_as_root_writes_its_image_or_holds_a_token(case: str) -> None:
    for name, _, spec in pods(case):
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            rights = container["securityContext"]
            assert rights["readOnlyRootFilesystem"] is True, name
            assert rights["allowPrivilegeEscalation"] is False, name
            assert rights["capabilities"] == {"drop": ["ALL"]}, name


@pytest.mark.parametrize("case", ALL)
def test_every_container_is_limited_and_every_server_is_probed(case: str) -> None:
    for name, _, spec in pods(case):
        for container in spec["containers"]:
            assert container["resources"]["limits"]["memory"], name
            if spec.get("restartPolicy", "Always") == "Always":
                assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name


@pytest.mark.parametrize("case", ALL)
def test_every_selector_finds_the_pods_it_means(case: str) -> None:
    labels = [held for _, held, _ in pods(case)]
    for found in rendered(case):
        spec = found.get("spec", {})
        if found["kind"] in ("Deployment", "StatefulSet"):
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        wanted = {
            "Service": spec.get("selector"),
            "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels"),
            "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels"),
        }.get(found["kind"])
        if wanted:
            assert any(wanted.items() <= held.items() for held in labels), found["metadata"]["name"]


@pytest.mark.parametrize("case", ALL)
def test_every_secret_claim_and_account_that_is_named_exists(case: str) -> None:
    there = {(found["kind"], found["metadata"]["name"]) for found in rendered(case)}
    given = {"videos", "models", "dsb-nats-passwords", "dsb-nkeys"}
    for name, _, spec in pods(case):
        if (account := spec["serviceAccountName"]) != "default":
            assert ("ServiceAccount", account) in there, name
        for volume in spec["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            assert claim is None or claim in given or ("PersistentVolumeClaim", claim) in there, (name, claim)
        mounts = {mount["name"] for c in spec["containers"] for mount in c["volumeMounts"]}
        assert mounts <= {volume["name"] for volume in spec["volumes"]}, name
        for container in spec["containers"]:
            for variable in container.get("env", []):
                if ref := variable.get("valueFrom", {}).get("secretKeyRef"):
                    assert ref["name"] in given or ("Secret", ref["name"]) in there, (name, ref)


@pytest.mark.parametrize("case", ALL)
def test_every_setting_is_one_that_the_service_has(case: str) -> None:
    for name, labels, spec in pods(case):
        settings = SETTINGS.get(labels["app.kubernetes.io/component"])
        if settings is None:
            continue
        for variable in spec["containers"][0]["env"]:
            if variable["name"].startswith("DSB_"):
                field = variable["name"].removeprefix("DSB_").lower().split("__")[0]
                assert field in settings.model_fields, (name, variable["name"])


@pytest.mark.parametrize("case", ALL)
def test_a_service_knows_its_own_password_or_key_only(case: str) -> None:
    by_key = "nkeys" in case
    for name, labels, spec in pods(case):
        component = labels["app.kubernetes.io/component"]
        files = {
            item["key"]
            for volume in spec["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            for item in source["secret"]["items"]
        }
        keys = {
            variable["valueFrom"]["secretKeyRef"]["key"]
            for variable in spec["containers"][0].get("env", [])
            if "valueFrom" in variable
        }
        if component not in ("nats", "qdrant"):
            user = "admin" if component == "init" else component
            assert keys == (set() if by_key else {f"NATS_PW_{user.upper()}"}), name
            seed = {f"{user}.seed"} if by_key else set()
            certificate = {"ca.pem", f"{user}.pem", f"{user}.key"} if "tls" in case else set()
            assert files == seed | certificate, name
        elif component == "nats":
            assert len(keys) == 7, name
            assert {key.endswith(".pub") for key in keys} == {by_key}
            assert files == ({"ca.pem", "server.pem", "server.key"} if "tls" in case else set())
            assert ("--config=/etc/nats/nats-nkeys.conf" in spec["containers"][0]["args"]) == by_key


@pytest.mark.parametrize("case", ALL)
def test_no_image_is_the_latest(case: str) -> None:
    for name, _, spec in pods(case):
        for container in spec["containers"]:
            assert re.fullmatch(r"\S+(:(?!latest)[\w.-]+|@sha256:[0-9a-f]{64})", container["image"]), name


@pytest.mark.parametrize("case", [case for case in ALL if case != "kept"])
def test_every_claim_goes_with_the_release(case: str) -> None:
    assert not any("volumeClaimTemplates" in found["spec"] for found in of_kind(case, "StatefulSet"))
    assert not any("annotations" in found["metadata"] for found in of_kind(case, "PersistentVolumeClaim"))


def test_passwords_are_made_where_they_are_used_alone() -> None:
    assert len(of_kind("default", "Secret")) == 1
    assert of_kind("nkeys", "Secret") == []


def test_every_pod_that_makes_spans_knows_and_reaches_their_collector() -> None:
    (policy,) = (one for one in of_kind("traced", "NetworkPolicy") if one["metadata"]["name"] == "dsb-traces")
    assert policy["spec"]["egress"] == [{"ports": [{"port": 4318, "protocol": "TCP"}]}]
    (but,) = policy["spec"]["podSelector"]["matchExpressions"]
    for name, labels, spec in pods("traced"):
        env = {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}
        reached = labels["app.kubernetes.io/component"] not in but["values"]
        told = env.get("OTEL_EXPORTER_OTLP_ENDPOINT") == "http://collector.watch:4318"
        assert told >= reached, name


def test_claims_outlive_the_release_where_that_is_asked_for() -> None:
    kept = {
        found["metadata"]["name"]
        for found in of_kind("kept", "PersistentVolumeClaim")
        if found["metadata"].get("annotations") == {"helm.sh/resource-policy": "keep"}
    }
    assert kept == {"dsb-runs", "dsb-nats"}


def test_traffic_is_denied_but_for_what_is_listed() -> None:
    policies = {found["metadata"]["name"]: found["spec"] for found in of_kind("qdrant", "NetworkPolicy")}
    deny = policies["dsb-deny"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny
    assert "egress" not in deny
    [rule] = policies["dsb-qdrant"]["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "memory"


def test_who_is_scaled_has_no_fixed_number() -> None:
    fixed = {
        found["metadata"]["name"]: "replicas" in found["spec"] for found in of_kind("scaled", "Deployment")
    }
    assert fixed == {
        "dsb-s1": False,
        "dsb-s2": False,
        "dsb-reader": True,
        "dsb-router": True,
        "dsb-memory": True,
    }
    triggers = {x["metadata"]["name"]: x["spec"]["triggers"][0] for x in of_kind("scaled", "ScaledObject")}
    assert triggers["dsb-s2"]["metadata"]["consumer"] == "s2"
    assert {found["spec"]["scaleTargetRef"]["name"] for found in of_kind("scaled", "ScaledObject")} <= set(
        fixed
    )


def test_gpus_are_limits_of_the_service_that_asked() -> None:
    limits = {name: spec["containers"][0]["resources"]["limits"] for name, _, spec in pods("gpu")}
    assert limits["dsb-s2"]["nvidia.com/gpu"] == 2
    assert all("nvidia.com/gpu" not in held for name, held in limits.items() if name != "dsb-s2")


def test_an_upgrade_of_something_else_leaves_the_job_of_the_bench() -> None:
    def job(*more: str) -> str:
        ended = run("template", "dsb", str(CHART), "--set", ",".join(("bench.enabled=true", *more)))
        made = [x for x in yaml.safe_load_all(ended.stdout) if x]
        return next(
            x["metadata"]["name"] for x in made if "bench" in x["metadata"]["name"] and x["kind"] == "Job"
        )

    assert job() == job("services.s2.replicas=3")
    assert job() != job("bench.args[0]=run", "bench.args[1]=live")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("services.s2.replicas=-1", "replicas"),
        ("services.s2.replics=2", "replics"),
        ("services.memory.replicas=2", "needs qdrant.enabled=true"),
        ("nats.enabled=false", "give external.natsUrl"),
        ("services.s1.env.lower=1", "lower"),
        ("bench.digest=sha256:12", "digest"),
        ("storage.data.size=lots", "size"),
    ],
)
def test_a_value_that_can_not_be_is_refused(values: str, told: str) -> None:
    ended = run("template", "dsb", str(CHART), "--set", values)
    assert ended.returncode != 0
    assert told in ended.stderr

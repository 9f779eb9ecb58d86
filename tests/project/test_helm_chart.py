"""The Helm chart, as far as it can be checked without a cluster: every object of a matrix of values is sound."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from helm_kit import (
    ALL,
    CASES,
    CHART,
    chosen,
    needs_helm,
    objects,
    of_kind,
    peers,
    pods,
    rendered,
    run,
    validate,
)

pytestmark = needs_helm


def test_the_chart_is_clean_for_the_strict_linter() -> None:
    ended = run("lint", "--strict", str(CHART))
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("version", ["1.25", "1.31", "1.37"])
@pytest.mark.parametrize("case", ALL)
def test_every_object_is_valid_for_its_kubernetes(case: str, version: str) -> None:
    for found in rendered(case, f"{version}.0"):
        validate(json.dumps(found), version)


def test_an_older_cluster_gets_the_version_that_it_knows() -> None:
    budgets = []
    for found in objects(CASES["elsewhere"], more=("--kube-version", "1.20.2")):
        if found["kind"] == "PodDisruptionBudget":
            budgets.append(found["apiVersion"])
            # The same fields; the oldest schemas there are know this version.
            found["apiVersion"] = "policy/v1"
        validate(json.dumps(found), "1.25")
    assert budgets == ["policy/v1beta1"] * 5
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
        wanted: list[Mapping[str, Any]] = []
        if found["kind"] == "Service":
            wanted = [{"matchLabels": spec["selector"]}]
        elif found["kind"] == "PodDisruptionBudget":
            wanted = [spec["selector"]]
        elif found["kind"] == "NetworkPolicy":
            # The bench comes and goes; what is let through for it waits for it.
            wanted = [spec["podSelector"], *peers(found)] * ("bench" not in found["metadata"]["name"])
        for selector in wanted:
            assert any(chosen(selector, held) for held in labels), (found["metadata"]["name"], selector)


@pytest.mark.parametrize("case", ["watched", "elsewhere"])
def test_prometheus_finds_the_five_services_by_a_port_that_they_have(case: str) -> None:
    (monitor,) = of_kind(case, "ServiceMonitor")
    found = [
        one
        for one in of_kind(case, "Service")
        if chosen(monitor["spec"]["selector"], one["metadata"]["labels"])
    ]
    assert len(found) == 5
    for one in found:
        ports = {port["name"] for port in one["spec"]["ports"]}
        assert {point["port"] for point in monitor["spec"]["endpoints"]} <= ports


@pytest.mark.parametrize("case", ALL)
def test_every_secret_claim_and_account_that_is_named_exists(case: str) -> None:
    there = {(found["kind"], found["metadata"]["name"]) for found in rendered(case)}
    given = {"videos", "models", "dsb-nats-passwords", "dsb-nkeys", "dsb-tls", "keys"}
    for name, _, spec in pods(case):
        if (account := spec["serviceAccountName"]) != "default":
            assert ("ServiceAccount", account) in there, name
        for volume in spec["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            assert claim is None or claim in given or ("PersistentVolumeClaim", claim) in there, (name, claim)
            sources = volume.get("projected", {}).get("sources", [])
            assert {one["secret"]["name"] for one in sources} <= given, name
        mounts = {mount["name"] for c in spec["containers"] for mount in c["volumeMounts"]}
        assert mounts <= {volume["name"] for volume in spec["volumes"]}, name
        for container in spec["containers"]:
            assert {one["secretRef"]["name"] for one in container.get("envFrom", [])} <= given, name
            for variable in container.get("env", []):
                if ref := variable.get("valueFrom", {}).get("secretKeyRef"):
                    assert ref["name"] in given or ("Secret", ref["name"]) in there, (name, ref)

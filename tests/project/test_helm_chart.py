"""The Helm chart, as far as it can be checked without a cluster: rendered over a matrix of values, read as objects."""

from __future__ import annotations

import importlib.util
import json
import os
import re
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
from pydantic import BaseModel

from bench.chaos.switches import environment
from services.memory.settings import Settings as MemorySettings
from services.reader.settings import ReaderSettings
from services.router.settings import RouterSettings
from services.s1.settings import S1Settings
from services.s2.settings import S2Settings
from shared.service import SERVICES
from shared.settings import BusSettings

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm"
HELM = shutil.which("helm") or shutil.which("helm", path=str(Path(sys.executable).parent))
SETTINGS: dict[str, type[BaseModel]] = {
    "memory": MemorySettings, "reader": ReaderSettings, "router": RouterSettings, "s1": S1Settings, "s2": S2Settings,
    "init": BusSettings, "bench": BusSettings,
}  # fmt: skip
NO_FIELDS = {"DSB_CACHE", "DSB_FAILPOINTS", "DSB_CLOCK_FILE"}
"""Read by bench/files.py, shared/bus/failpoints.py and shared/clock.py."""
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
    + f",{AFFINITY},{SPREAD},qdrant.enabled=true,bench.enabled=true,services.s2.podLabels.team=d",
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
pytestmark = pytest.mark.skipif(HELM is None and os.environ.get("DSB_REQUIRE_HELM") != "1", reason=NO_HELM)


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


@pytest.mark.parametrize("case", ALL)
def test_every_setting_is_one_that_the_service_has(case: str) -> None:
    for name, labels, spec in pods(case):
        if settings := SETTINGS.get(labels["app.kubernetes.io/component"]):
            for variable in env_of(spec).keys() - NO_FIELDS:
                assert not variable.startswith("DSB_") or is_setting(settings, variable[4:]), (name, variable)


def test_faults_find_switches_and_links_where_the_harness_looks_for_them() -> None:
    for name, labels, spec in pods("chaos"):
        component = labels["app.kubernetes.io/component"]
        assert spec.get("shareProcessNamespace", False) == (component in (*SERVICES, "nats")), name
        if component not in SERVICES:
            continue
        service, link = spec["containers"]
        env = {one["name"]: one.get("value") for one in service["env"]}
        assert environment("/switches", component).items() <= env.items()
        _, _, module, port, broker, folder = link["command"]
        assert importlib.util.find_spec(module), name
        assert (env["DSB_NATS_URL"], broker, folder) == (
            f"nats://127.0.0.1:{port}",
            "dsb-nats:4222",
            "/switches",
        )
        for container in (service, link):
            assert {"name": "switches", "mountPath": "/switches"} in container["volumeMounts"]
    assert all("switches" not in str(spec) for case in ("default", "bench") for _, _, spec in pods(case))


def is_setting(model: type[BaseModel], name: str) -> bool:
    """Whether a variable names a field; `__` leads into a model that is one."""
    first, _, rest = name.lower().partition("__")
    field = model.model_fields.get(first)
    if field is None or not rest:
        return field is not None
    return (
        isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
        and is_setting(field.annotation, rest)
    )


def test_a_setting_within_a_model_is_looked_up_there() -> None:
    assert is_setting(S1Settings, "MODEL__DEVICE")
    assert not is_setting(S1Settings, "MODEL__DEVCE")
    assert not is_setting(S1Settings, "SLOTS__DEVICE")


@pytest.mark.parametrize("case", ALL)
def test_no_variable_is_there_twice(case: str) -> None:
    for name, _, spec in pods(case):
        names = [one["name"] for one in spec["containers"][0].get("env", [])]
        assert len(names) == len(set(names)), name


def test_what_init_services_and_bench_must_agree_on_is_said_to_all_of_them() -> None:
    for component in SETTINGS:
        env = env_of(pod("agreed", component))
        assert (env["DSB_LEASE_TTL_S"], env["DSB_FRAMES_MAX_BYTES"]) == ("3", "4000000000"), component
        BusSettings(lease_ttl_s=env["DSB_LEASE_TTL_S"], frames_max_bytes=env["DSB_FRAMES_MAX_BYTES"])


def test_a_services_own_word_counts_more_than_what_is_said_to_all() -> None:
    made = objects("busEnv.DSB_LEASE_TTL_S=3,services.s1.env.DSB_LEASE_TTL_S=4")
    env = {
        one["metadata"]["name"]: env_of(one["spec"]["template"]["spec"])["DSB_LEASE_TTL_S"]
        for one in made
        if one["kind"] == "Deployment"
    }
    assert (env["dsb-s1"], env["dsb-s2"]) == ("4", "3")


def test_streams_and_notes_have_as_many_copies_as_the_clusters_outside() -> None:
    assert env_of(pod("external", "init"))["DSB_STREAM_REPLICAS"] == "3"
    assert env_of(pod("external", "memory"))["DSB_MEMORY_REPLICAS"] == "3"
    assert env_of(pod("default", "init"))["DSB_STREAM_REPLICAS"] == "1"


def test_the_broker_is_given_every_variable_that_its_configuration_reads() -> None:
    for case, file in (("default", "nats.conf"), ("nkeys", "nats-nkeys.conf")):
        text = "".join((ROOT / "deploy/nats" / name).read_text() for name in ("server.conf", file))
        assert set(re.findall(r"\$(NATS_\w+)", text)) == set(env_of(pod(case, "nats"))), case


@pytest.mark.parametrize(
    ("size", "taken"), [("10Gi", 8 * 2**30), ("1.5Gi", 1.2 * 2**30), ("2Ti", 1.6 * 2**40)]
)
def test_streams_take_four_fifths_of_the_brokers_disk(size: str, taken: float) -> None:
    (nats,) = (
        one["spec"]["template"]["spec"]
        for one in objects(f"nats.persistence.size={size}")
        if one["kind"] == "StatefulSet"
    )
    assert int(env_of(nats)["NATS_MAX_STORE"]) == int(taken)


def test_pods_are_where_and_what_their_block_says() -> None:
    for component in ("init", "bench", "nats", "qdrant", "reader", "memory"):
        spec = pod("placed", component)
        assert spec["nodeSelector"] == {"pool": "a"}, component
        assert spec["tolerations"] == [{"key": "b", "operator": "Exists"}], component
        assert spec["priorityClassName"] == "high", component
    s1 = pod("placed", "s1")
    assert set(s1["affinity"]) == {"nodeAffinity"}
    assert s1["topologySpreadConstraints"][0]["topologyKey"] == "zone"
    (labels,) = (held for name, held, _ in pods("placed") if name == "dsb-s2")
    assert labels["team"] == "d"
    assert labels["app.kubernetes.io/component"] == "s2"


def test_images_are_named_by_digest_and_pulled_with_the_secrets_given() -> None:
    for name, labels, spec in pods("digests"):
        assert spec["imagePullSecrets"] == [{"name": "pull"}], name
        if labels["app.kubernetes.io/component"] in ("init", "router", "s1", "nats", "bench"):
            assert spec["containers"][0]["image"].endswith(f"@{DIGEST}"), name


def test_who_shares_videos_that_one_node_can_mount_runs_on_one_node() -> None:
    (term,) = pod("bench", "reader")["affinity"]["podAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert pod("bench", "bench")["affinity"]["podAffinity"] == {
        "requiredDuringSchedulingIgnoredDuringExecution": [term]
    }
    meant = {
        held["app.kubernetes.io/component"]
        for _, held, _ in pods("bench")
        if chosen(term["labelSelector"], held)
    }
    assert meant == {"reader", "bench"}
    for case in ("shared", "claims"):
        assert all("affinity" not in pod(case, one) for one in ("reader", "bench"))


@pytest.mark.parametrize("case", ALL)
def test_a_worker_that_stops_has_time_to_finish_what_waits_for_memory(case: str) -> None:
    for component in ("s1", "s2"):
        spec = pod(case, component)
        assert spec["terminationGracePeriodSeconds"] > float(env_of(spec)["DSB_CAPACITY_MEMORY_S"])
        assert env_of(spec)["DSB_CAPACITY_MEMORY_S"] == "100"


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


def test_where_helm_is_required_to_have_none_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "HELM", None)
    with pytest.raises(AssertionError, match="no helm"):
        run("version")
    assert "export DSB_REQUIRE_HELM=1\n" in (ROOT / ".ci/run").read_text()


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


@pytest.mark.parametrize("case", ALL)
def test_every_claim_is_used_by_a_pod_so_that_waiting_for_it_ends(case: str) -> None:
    used = {
        volume["persistentVolumeClaim"]["claimName"]
        for _, _, spec in pods(case)
        for volume in spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert {found["metadata"]["name"] for found in of_kind(case, "PersistentVolumeClaim")} <= used


def test_claims_outlive_the_release_where_that_is_asked_for() -> None:
    kept = {
        found["metadata"]["name"]
        for found in of_kind("kept", "PersistentVolumeClaim")
        if found["metadata"].get("annotations") == {"helm.sh/resource-policy": "keep"}
    }
    assert kept == {"dsb-runs", "dsb-nats"}


def test_a_release_named_like_a_number_has_labels_that_are_text() -> None:
    for found in objects("bench.enabled=true", release="123"):
        validate(json.dumps(found), "1.31")


def test_each_may_reach_what_is_listed_for_it_and_no_other() -> None:
    rule = [{"ports": [{"port": 443, "protocol": "TCP"}]}]
    given = policies("egress")
    for component in ("reader", "s1", "s2", "memory", "bench"):
        policy = given[f"dsb-{component}"]
        assert policy["egress"] == rule
        assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == component
    assert not {f"dsb-{one}" for one in ("reader", "s1", "s2", "memory", "bench")} & set(policies("bench"))


def test_ways_to_broker_and_store_outside_are_open_at_the_ports_of_their_addresses() -> None:
    def ports(case: str, name: str) -> set[int]:
        return {one["port"] for rule in policies(case)[name]["egress"] for one in rule["ports"]}

    assert ports("external", "dsb-to-broker") == {53, 4222}
    assert ports("external", "dsb-to-qdrant") == {6333}
    assert ports("external over tls", "dsb-to-broker") == {53, 4443, 4444}
    assert ports("external over tls", "dsb-to-qdrant") == {7443}


def test_keys_of_providers_come_from_the_secrets_that_are_named() -> None:
    for component in ("s2", "bench"):
        assert pod("egress", component)["containers"][0]["envFrom"] == [{"secretRef": {"name": "keys"}}]


def test_traffic_is_denied_but_for_what_is_listed() -> None:
    given = policies("qdrant")
    deny = given["dsb-deny"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny
    assert "egress" not in deny
    [rule] = given["dsb-qdrant"]["ingress"]
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


def triggers(case: str) -> dict[str, list[dict[str, Any]]]:
    return {
        found["metadata"]["name"]: [one["metadata"] for one in found["spec"]["triggers"]]
        for found in of_kind(case, "ScaledObject")
    }


def test_s1_is_scaled_on_the_open_and_the_refused_streams_of_its_own_release() -> None:
    opened, refused = triggers("elsewhere")["other-s1"]
    page = (ROOT / "docs/metrics.md").read_text()
    for trigger in (opened, refused):
        assert trigger["threshold"] == "6"
        names = re.findall(r"(dsb_\w+)\{(.*?)\}", trigger["query"])
        for metric, labels in names:
            assert f"`{metric}`" in page
            of = "s1" if metric.startswith("dsb_s1") else "router"
            assert labels.split(",")[:2] == ['namespace="apart"', f'job="other-{of}"']
    assert opened["ignoreNullValues"] == "false"
    assert {"dsb_s1_slots", "dsb_s1_owned", "dsb_placements_total"} == {name for name, _ in names}
    assert 'outcome="full"' in refused["query"]


def test_s2_is_scaled_by_the_broker_that_has_its_jobs() -> None:
    def endpoint(case: str, name: str) -> str:
        return str(triggers(case)[name][0]["natsServerMonitoringEndpoint"])

    assert endpoint("elsewhere", "other-s2") == "other-nats.apart.svc:8222"
    assert endpoint("external scaled", "dsb-s2") == "nats-headless.default.svc:8222"


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ("autoscaling.enabled=true", True),
        ("monitoring.serviceMonitor.enabled=true", True),
        ("networkPolicy.enabled=true", False),
        ("autoscaling.enabled=true,networkPolicy.enabled=false", False),
        (CASES["watched"], False),
    ],
)
def test_who_lets_nobody_read_metrics_that_are_wanted_is_warned(
    values: str, warned: bool, tmp_path: Path
) -> None:
    # Helm shows notes at an install alone: here they are an object of a copy of the chart.
    chart = shutil.copytree(CHART, tmp_path / "chart")
    (chart / "templates/NOTES.txt").rename(chart / "notes.txt")
    (chart / "templates/notes.yaml").write_text(
        '{{ toYaml (dict "kind" "Notes" "text" (tpl (.Files.Get "notes.txt") .)) }}\n'
    )
    ended = run("template", "dsb", str(chart), "-s", "templates/notes.yaml", "--set", values)
    assert ended.returncode == 0, ended.stderr
    assert ("WARNING: nobody may read metrics" in yaml.safe_load(ended.stdout)["text"]) == warned


def test_gpus_are_limits_of_the_service_that_asked() -> None:
    limits = {name: spec["containers"][0]["resources"]["limits"] for name, _, spec in pods("gpu")}
    assert limits["dsb-s2"]["nvidia.com/gpu"] == 2
    assert all("nvidia.com/gpu" not in held for name, held in limits.items() if name != "dsb-s2")


def test_a_model_with_gpus_runs_there_and_its_pods_do_not_wait_for_each_others_devices() -> None:
    def s2(*more: str) -> tuple[dict[str, Any], dict[str, Any]]:
        (found,) = (
            one["spec"]
            for one in objects(",".join(("services.s2.gpu.count=1", *more)))
            if one["metadata"]["name"] == "dsb-s2" and one["kind"] == "Deployment"
        )
        return env_of(found["template"]["spec"]), found["strategy"]

    env, strategy = s2()
    assert env["DSB_MODEL__DEVICE"] == "cuda"
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert s2("services.s2.env.DSB_MODEL__DEVICE=cuda:1")[0]["DSB_MODEL__DEVICE"] == "cuda:1"
    assert "DSB_MODEL__DEVICE" not in s2("services.s2.env.DSB_MODEL__DEVICE_MAP=auto")[0]
    assert "DSB_MODEL__DEVICE" not in env_of(pod("gpu", "s1"))
    (plain,) = (one for one in of_kind("default", "Deployment") if one["metadata"]["name"] == "dsb-s2")
    assert "strategy" not in plain["spec"]


def job(*more: str) -> tuple[str, dict[str, Any]]:
    """Name and pods of the bench's Job."""
    (found,) = (
        one
        for one in objects("bench.enabled=true", *more)
        if one["kind"] == "Job" and one["metadata"]["labels"]["app.kubernetes.io/component"] == "bench"
    )
    return found["metadata"]["name"], found["spec"]["template"]


@pytest.mark.parametrize(
    ("values", "same"),
    [
        ("services.s2.replicas=3", True),
        ("services.s2.env.DSB_SLOTS=2", True),
        ("nats.resources.limits.memory=2Gi", True),
        ("networkPolicy.enabled=false", True),
        ("bench.backoffLimit=1", True),
        ("storage.runs.size=30Gi", True),
        ("bench.args={run,live}", False),
        ("bench.env.DSB_REQUEST_TIMEOUT_S=9", False),
        ("bench.resources.limits.memory=8Gi", False),
        ("bench.nodeSelector.pool=a", False),
        (f"bench.digest={DIGEST}", False),
        ("image.tag=two", False),
        ("image.pullPolicy=Always", False),
        ("image.pullSecrets[0].name=pull", False),
        ("busEnv.DSB_LEASE_TTL_S=3", False),
        ("offline=false", False),
        ("serviceAccount.create=false", False),
        ("credentials.existingSecret=own", False),
        ("credentials.tlsSecret=dsb-tls", False),
        ("credentials.nkeysSecret=dsb-nkeys", False),
        ("tracing.endpoint=http://collector.watch:4318", False),
        ("storage.runs.existingClaim=mine", False),
        ("storage.models.enabled=true", False),
        ("storage.data.accessModes={ReadWriteMany}", False),
        ("nats.enabled=false,external.natsUrl=nats://elsewhere:4222", False),
    ],
)
def test_the_job_of_the_bench_has_another_name_whenever_its_pods_are_others(values: str, same: bool) -> None:
    (name, pods), (other, others) = job(), job(values)
    assert (name == other) == same
    assert (pods == others) == same


def test_a_pod_of_the_bench_that_is_lost_is_followed_by_one_that_goes_on() -> None:
    def args(*words: str) -> tuple[str, list[str]]:
        name, template = job(*(f"bench.args={{{','.join(words)}}}" for _ in words[:1]))
        return name, template["spec"]["containers"][0]["args"]

    name, words = args()
    assert words == ["demo", "--name", name.removeprefix("dsb-"), "--auto-resume"]
    assert args("run", "live", "--name", "mine")[1] == ["run", "live", "--name", "mine", "--auto-resume"]
    assert args("demo", "--name=mine")[1] == ["demo", "--name=mine", "--auto-resume"]
    for asked in (("ps",), ("run", "--resume", "last"), ("run", "demo", "--shards", "1/2")):
        assert args(*asked)[1] == list(asked)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("services.s2.replicas=-1", "replicas"),
        ("chaos.enabled=true,credentials.tlsSecret=dsb-tls", "goes without credentials.tlsSecret"),
        ("services.s2.replics=2", "replics"),
        ("services.memory.replicas=2", "needs qdrant.enabled=true"),
        ("nats.enabled=false", "give external.natsUrl"),
        ("services.s1.env.lower=1", "lower"),
        ("bench.digest=sha256:12", "digest"),
        ("storage.data.size=lots", "size"),
        ("services.s2.gracePeriodSeconds=90", "may wait 100 s for a memory that is away"),
        ("services.s1.env.DSB_CAPACITY_MEMORY_S=150", "services.s1.gracePeriodSeconds is 150"),
        ("bench.enabled=true,storage.data.enabled=false", "give storage.data a claim"),
        (
            "autoscaling.enabled=true,nats.enabled=false,external.natsUrl=nats://a:4222",
            "give external.natsMonitoring",
        ),
        ("autoscaling.enabled=true,autoscaling.s2.min=9", "autoscaling.s2.min is 9 and max is 8"),
        ("autoscaling.enabled=true,services.s1.env.DSB_SLOTS=4", "a worker has 4 slots"),
        ("services.s1.nodeSelector.disks=2", "disks"),
        ("services.s1.podAnnotations.turn=true", "turn"),
        ("image.pullSecrets[0]=pull", "pullSecrets"),
        ("services.s1.tolerations[0].efect=NoSchedule", "efect"),
        ("services.s1.envFrom[0].prefix=A_", "envFrom"),
        ("external.natsReplicas=7", "natsReplicas"),
    ],
)
def test_a_value_that_can_not_be_is_refused(values: str, told: str) -> None:
    ended = run("template", "dsb", str(CHART), "--set", values)
    assert ended.returncode != 0
    assert told in ended.stderr

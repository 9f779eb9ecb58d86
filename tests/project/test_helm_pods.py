"""Pods of the Helm chart: settings, secrets, storage, images, placement."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest
from helm_kit import (
    ALL,
    CASES,
    DIGEST,
    ROOT,
    chosen,
    env_of,
    needs_helm,
    objects,
    of_kind,
    pod,
    pods,
    run,
    validate,
)
from pydantic import BaseModel

from bench.chaos.switches import environment
from services.memory.settings import Settings as MemorySettings
from services.reader.settings import ReaderSettings
from services.router.settings import RouterSettings
from services.s1.settings import S1Settings
from services.s2.settings import S2Settings
from shared.service import SERVICES
from shared.settings import BusSettings

pytestmark = needs_helm

SETTINGS: dict[str, type[BaseModel]] = {
    "memory": MemorySettings, "reader": ReaderSettings, "router": RouterSettings, "s1": S1Settings, "s2": S2Settings,
    "init": BusSettings, "bench": BusSettings,
}  # fmt: skip
NO_FIELDS = {"DSB_CACHE", "DSB_FAILPOINTS", "DSB_CLOCK_FILE"}
"""Read by bench/files.py, shared/bus/failpoints.py and shared/clock.py."""


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


def test_another_pod_that_makes_the_topology_is_another_job_also_where_no_revision_is_known() -> None:
    def job(*values: str) -> str:
        (found,) = (one for one in objects(*values) if one["kind"] == "Job")
        assert len(found["metadata"]["name"]) <= 63
        name: str = found["metadata"]["name"]
        return name

    assert job() == job()
    assert len({job(), job("image.tag=next"), job("init.nodeSelector.pool=a")}) == 3


def test_the_broker_is_given_every_variable_that_its_configuration_reads() -> None:
    for case, file in (("default", "nats.conf"), ("nkeys", "nats-nkeys.conf")):
        text = "".join((ROOT / "deploy/nats" / name).read_text() for name in ("server.conf", file))
        given = {name for name in env_of(pod(case, "nats")) if name.startswith("NATS_")}
        assert set(re.findall(r"\$(NATS_\w+)", text)) == given, case


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


@pytest.mark.parametrize(("memory", "told"), [("1Gi", "858993459"), ("512Mi", "429496729"), ("512M", None)])
def test_the_broker_knows_how_much_memory_it_may_take(memory: str, told: str | None) -> None:
    (nats,) = (
        one["spec"]["template"]["spec"]
        for one in objects(f"nats.resources.limits.memory={memory}")
        if one["kind"] == "StatefulSet"
    )
    assert env_of(nats).get("GOMEMLIMIT") == told


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
    assert all("affinity" not in pod("shared", one) for one in ("reader", "bench"))
    # What a claim that is there can do, its accessModes say, as of one that is made.
    assert all("podAffinity" in pod("claims", one)["affinity"] for one in ("reader", "bench"))
    said = objects(f"{CASES['claims']},storage.data.accessModes[0]=ReadWriteMany")
    assert not any("podAffinity" in str(one) for one in said)
    # What is said of nodes goes beside it.
    assert set(pod("placed", "reader")["affinity"]) == {"nodeAffinity", "podAffinity"}


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
    monkeypatch.setattr("helm_kit.HELM", None)
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

"""The Helm chart in its cluster: traffic, scaling, GPUs, the Job of the bench, and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_kit import (
    CASES,
    CHART,
    DIGEST,
    ROOT,
    env_of,
    needs_helm,
    objects,
    of_kind,
    pod,
    pods,
    policies,
    run,
)

pytestmark = needs_helm


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
    # A worker's worth of streams above what there is, so that it is above the tenth that Kubernetes tolerates.
    assert re.search(r"\(count\(dsb_s1_slots\{[^}]*\} > 0\) \+ 1\) \* 6\s", refused["query"])


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
        ("services.s2.env.DSB_MODEL__BACKEND=openai", "a provider's answer may take 420 s"),
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
        ("storage.data.accessModes={ReadWriteOncePod}", "accessModes"),
    ],
)
def test_a_value_that_can_not_be_is_refused(values: str, told: str) -> None:
    ended = run("template", "dsb", str(CHART), "--set", values)
    assert ended.returncode != 0
    assert told in ended.stderr

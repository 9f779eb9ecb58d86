"""The chart on a real cluster: installed, played, disturbed, upgraded in mid-run, scaled, removed without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from compose_stack import records
from kube_stack import CHART, ROOT, Cluster, cluster_trouble, wait_for

from bench.chaos import read_outcome
from bench.run.folder import RunFolder
from bench.scoring import score_run

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(900)]

SERVICES = ("memory", "reader", "router", "s1", "s2")
SAMPLES = ("--max-samples", os.environ.get("DSB_E2E_SAMPLES", "48"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A namespace without anything."""
    if trouble := cluster_trouble():
        pytest.skip(f"no cluster: {trouble}")
    made = Cluster(tmp_path_factory.mktemp("kube"))
    try:
        made.begin()
        yield made
    finally:
        print(made.kubectl("get", "pods,jobs,pvc", "-o", "wide", check=False))
        for service in (*SERVICES, "nats", "init"):
            print(
                service,
                made.kubectl(
                    "logs", "-l", f"app.kubernetes.io/component={service}", "--tail", "15", check=False
                ),
            )
        made.end()


@pytest.fixture(scope="module")
def cluster(bare: Cluster) -> Cluster:
    """The chart installed, all pods ready."""
    # A bench that plays nothing yet: with it comes the claim of the run folders.
    bench = ("--set", "bench.enabled=true", "--set-json", 'bench.args=["--help"]')
    bare.helm("install", "dsb", str(CHART), "-f", str(bare.values()), *bench, "--wait", "--timeout", "400s")
    bare.shelf()
    return bare


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same demo through the embedded stack."""
    folder = tmp_path_factory.mktemp("embedded")
    command = [
        sys.executable, "-m", "bench.cli", "demo", "--name", "embedded", "--out", str(folder), *SAMPLES,
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return RunFolder.open(folder / "embedded")


def assert_same(run: RunFolder, reference: RunFolder) -> None:
    """The same records, timings aside, and therefore the same scores to the last digit."""
    assert run.manifest().status == "complete"
    assert list(records(run)) == list(records(reference))
    assert scores(run) == scores(reference)


def scores(run: RunFolder) -> str:
    return score_run(run).scores.model_dump_json()


def test_the_api_server_accepts_every_object(bare: Cluster) -> None:
    values = ["-f", str(bare.values()), "--set", "bench.enabled=true"]
    rendered = bare.helm("template", "dsb", str(CHART), *values, "--dry-run=server")
    answer = bare.kubectl("apply", "--dry-run=server", "-f", "-", send=rendered)
    assert answer.count("(server dry run)") == rendered.count("\nkind: ")


def test_an_install_waits_for_all_parts_and_none_of_them_fell_over_on_the_way(cluster: Cluster) -> None:
    assert all(len(cluster.ready(part)) == 1 for part in (*SERVICES, "nats"))
    assert set(cluster.restarts().values()) == {0}


def test_the_job_of_the_bench_gives_the_scores_of_the_embedded_stack(
    cluster: Cluster, reference: RunFolder
) -> None:
    printed = cluster.play("first", *SAMPLES).wait()
    assert "realtime" in printed
    assert "all causal, unique and accounted for" in printed
    assert_same(cluster.fetch("first"), reference)


@pytest.mark.parametrize("part", [*SERVICES, "nats"])
def test_a_killed_pod_changes_no_record(cluster: Cluster, reference: RunFolder, part: str) -> None:
    job = cluster.play(f"killed-{part}", *SAMPLES)
    job.under_way()
    [victim] = cluster.pods(part)
    cluster.kubectl("delete", "pod", victim["metadata"]["name"], "--grace-period=0", "--force")
    job.wait()
    assert_same(cluster.fetch(job.run), reference)
    wait_for(lambda: len(cluster.ready(part)) == 1, within_s=120, what=f"another pod of {part}")


def test_a_lost_pod_of_the_bench_is_followed_by_one_that_goes_on(
    cluster: Cluster, reference: RunFolder
) -> None:
    job = cluster.play("evicted", *SAMPLES)
    job.under_way()
    job.lossy = True
    [victim] = [pod for pod in cluster.pods("bench") if pod["status"]["phase"] == "Running"]
    cluster.kubectl("delete", "pod", victim["metadata"]["name"], "--wait=false")
    job.wait()
    assert_same(cluster.fetch("evicted"), reference)


def test_an_upgrade_in_mid_run_loses_nothing(cluster: Cluster, reference: RunFolder) -> None:
    job = cluster.play("upgraded", *SAMPLES)
    job.under_way()
    before = {part: cluster.ready(part) for part in SERVICES}
    turned = [f'services.{part}.podAnnotations={{"turn": "second"}}' for part in SERVICES]
    cluster.upgrade(*turned, "services.s2.replicas=2")
    assert all(not set(before[part]) & set(cluster.ready(part)) for part in SERVICES)
    assert len(cluster.ready("s2")) == 2
    job.wait()
    assert_same(cluster.fetch("upgraded"), reference)


def test_two_workers_share_the_work_and_the_records_stay_the_same(
    cluster: Cluster, reference: RunFolder
) -> None:
    cluster.upgrade("services.s2.replicas=2")
    cluster.play("two-workers", *SAMPLES).wait()
    run = cluster.fetch("two-workers")
    assert_same(run, reference)
    workers = {record.worker for record in run.records() if record.path == "s2"}
    assert len(workers - {""}) == 2  # what was refused has none


def test_a_password_stays_what_it_was_through_upgrades(cluster: Cluster) -> None:
    held = cluster.get("secret", "dsb-nats")["data"]
    cluster.upgrade("podDisruptionBudget.enabled=true")
    assert cluster.get("secret", "dsb-nats")["data"] == held


PLAN = """
backend: kubernetes
settings: {dataset.max_samples: 24}
faults:
  - {kind: kill, at: s2.fetched}
  - {kind: pause, at: s1.answering, for_s: 1}
  - {kind: cut, target: reader, after_s: 0, for_s: 1, abrupt: true}
  - {kind: clock-jump, target: router, after_s: 0, by_s: -3600}
  - {kind: pause, target: nats, after_records: 6, for_s: 1}
  - {kind: kill, at: bench.record_written, after_records: 10}
"""


def test_faults_within_pods_change_no_record(cluster: Cluster) -> None:
    cluster.upgrade(
        "chaos.enabled=true", "services.s2.replicas=1", "bench.enabled=true", 'bench.args=["--help"]'
    )
    (cluster.folder / "plan.yaml").write_text(PLAN)
    words = ["chaos", "plan.yaml", "--out", "chaos", "--name", "harmed"]
    ended = subprocess.run(
        [sys.executable, "-m", "bench.cli", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "KUBECONFIG": str(cluster.own_context())},
        cwd=cluster.folder, capture_output=True, text=True, timeout=800,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    outcome = read_outcome(cluster.folder / "chaos" / "harmed")
    assert outcome is not None
    assert outcome.sound
    assert outcome.resumed == 1
    cluster.upgrade("chaos.enabled=false")


def test_run_folders_stay_when_the_bench_is_switched_off(cluster: Cluster) -> None:
    cluster.upgrade("bench.enabled=false")
    assert cluster.get("pvc", "dsb-runs")["status"]["phase"] == "Bound"


def test_an_uninstall_leaves_nothing(cluster: Cluster) -> None:
    cluster.kubectl("delete", "pod", "shelf", "--grace-period=0", "--force")
    cluster.helm("uninstall", "dsb", "--wait", "--timeout", "200s")
    wait_for(lambda: not cluster.left(), within_s=150, what="all gone")
    kept = json.loads(cluster.kubectl("get", "pvc,secret", "-o", "json"))["items"]
    assert [one for one in kept if one.get("type") != "kubernetes.io/service-account-token"] == []

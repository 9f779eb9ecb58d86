"""The compose stack on a real engine: up, demo, more workers, a crash of each part in flight, down."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from compose_stack import ROOT, Compose, crash, docker, engine_trouble, records, restarts, wait_for

from bench.chaos import read_outcome

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1100)]

SERVICES = ("memory", "reader", "router", "s1", "s2")
SAMPLES = "48"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Built, up and ready; everything it made but the images goes at the end."""
    trouble = engine_trouble()
    if trouble:
        pytest.skip(f"no Docker engine: {trouble}")
    stack = Compose(tmp_path_factory.mktemp("compose"))
    stack("--profile", "bench", "build", timeout=900)
    try:
        stack("up", "-d", "--wait", "--wait-timeout", "420")
        yield stack
    finally:
        print(stack("logs", "--no-color", "--tail", "15", check=False))
        stack("--profile", "bench", "down", "-v", "--remove-orphans", "--timeout", "20", check=False)


@pytest.fixture(scope="module")
def reference(compose: Compose) -> list[object]:
    """The records of an undisturbed run."""
    demo(compose, "undisturbed")
    return list(records(compose.fetch("undisturbed")))


def demo(compose: Compose, name: str) -> str:
    return compose("run", "--rm", "-T", "bench", "demo", "--name", name, "--max-samples", SAMPLES)


def test_a_demo_in_containers_prints_the_table_and_leaves_a_run_folder(compose: Compose) -> None:
    shown = demo(compose, "first")
    assert "realtime" in shown
    assert "0 violations" in shown or "all causal" in shown
    folder = compose.fetch("first")
    assert folder.manifest().status == "complete"
    assert {record.status for record in folder.records()} == {"ok"}


def test_two_runs_give_the_same_records(compose: Compose, reference: list[object]) -> None:
    assert list(records(compose.fetch("first"))) == reference


@pytest.mark.parametrize("service", [*SERVICES, "nats"])
def test_a_container_is_no_root_and_can_not_change_its_image(compose: Compose, service: str) -> None:
    container = compose.containers(service)[0]
    assert docker("exec", container, "id", "-u") == "10001"
    with pytest.raises(subprocess.CalledProcessError):
        docker("exec", container, "sh", "-c", "touch /etc/x || touch /x")


def test_more_workers_join_by_scale_and_are_seen(compose: Compose) -> None:
    wanted = {"reader": 2, "s1": 2, "s2": 3}
    words = [word for name, count in wanted.items() for word in ("--scale", f"{name}={count}")]
    compose("up", "-d", "--wait", "--wait-timeout", "420", *words)
    shown = compose("run", "--rm", "-T", "bench", "ps", "--wait", "2")
    for name, count in wanted.items():
        assert len([line for line in shown.splitlines() if line.startswith(f"{name} ")]) == count
        assert len(compose.containers(name)) == count, "a run must not undo --scale"


@pytest.mark.skipif(
    os.environ.get("DSB_E2E_QDRANT") == "1", reason="memories that share a server may be many"
)
def test_a_second_memory_says_in_one_line_who_holds_the_notes(compose: Compose) -> None:
    compose("up", "-d", "--no-recreate", "--no-deps", "--scale", "memory=2", "memory")
    try:
        wait_for(
            lambda: "one process at a time" in compose("logs", "memory"), within_s=120, what="the refusal"
        )
        told = [line for line in compose("logs", "memory").splitlines() if "one process at a time" in line]
        assert all("is held by process" in line and "Qdrant server" in line for line in told)
    finally:
        compose("up", "-d", "--wait", "--no-recreate", "--no-deps", "--scale", "memory=1", "memory")


@pytest.mark.parametrize("service", ["s2", "s1", "reader", "router", "memory", "nats"])
def test_a_crash_in_flight_changes_no_record(compose: Compose, reference: list[object], service: str) -> None:
    victim, name = compose.containers(service)[0], f"crash-{service}"
    before = restarts(victim)
    bench = compose.start(
        "run",
        "--rm",
        "-T",
        "--name",
        f"dsb-{name}",
        "bench",
        "demo",
        "--name",
        name,
        "--max-samples",
        SAMPLES,
    )

    def some_answers() -> bool:
        lines = ["exec", f"dsb-{name}", "wc", "-l", f"/runs/{name}/records.jsonl"]
        ended = subprocess.run(["docker", *lines], capture_output=True, text=True)
        return bench.poll() is not None or (ended.returncode == 0 and int(ended.stdout.split()[0]) >= 4)

    wait_for(some_answers, within_s=120, what="the first answers")
    assert bench.poll() is None, f"the run ended before the crash:\n{compose.log()}"
    crash(victim)
    assert bench.wait(300) == 0, compose.log()
    assert list(records(compose.fetch(name))) == reference
    wait_for(lambda: restarts(victim) > before, within_s=60, what=f"{service} started again by the engine")


# The bench's disk is full for longer than the broker is away: without a record to write nobody would meet it.
PLAN = """
backend: compose
settings: {dataset.max_samples: 16}
faults:
  - {kind: kill, at: s2.fetched}
  - {kind: pause, at: s1.answering, for_s: 1}
  - {kind: clock-jump, target: router, after_s: 0, by_s: -3600}
  - {kind: disk-full, target: nats, after_records: 8, for_s: 2}
  - {kind: disk-full, target: bench, after_records: 20, for_s: 15}
"""


def test_faults_in_containers_change_no_record_and_the_stack_is_as_before(compose: Compose) -> None:
    plan = compose.folder / "plan.yaml"
    plan.write_text(PLAN)
    compose("up", "-d", "--wait", "--wait-timeout", "420", "--scale", "router=2")
    words = ["chaos", str(plan), "--out", str(compose.folder / "chaos"), "--name", "harmed"]
    ended = subprocess.run(
        [sys.executable, "-m", "bench.cli", *words],
        env=compose.environment(), cwd=ROOT, capture_output=True, text=True, timeout=1000,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    outcome = read_outcome(compose.folder / "chaos" / "harmed")
    assert outcome is not None
    assert outcome.sound
    assert outcome.resumed >= 1
    assert len(compose.containers("router")) == 2
    mounts = docker("inspect", "-f", "{{json .Mounts}}", compose.containers("s2")[0])
    assert "/switches" not in mounts
    assert docker("volume", "ls", "-q", "--filter", "name=chaos-store") == ""


def test_down_leaves_no_container(compose: Compose) -> None:
    compose("--profile", "bench", "down", "--timeout", "20")
    assert docker("ps", "-aq", "--filter", "label=com.docker.compose.project=dsb-e2e") == ""

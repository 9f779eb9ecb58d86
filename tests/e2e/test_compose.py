"""The compose stack on a real engine: up, demo, more workers, a crash of each part in flight, down."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from compose_stack import Compose, crash, docker, engine_trouble, records, restarts, wait_for

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
    compose("up", "-d", "--wait", "--wait-timeout", "420", "--scale", "s2=3")
    assert len(compose.containers("s2")) == 3
    shown = compose("run", "--rm", "-T", "bench", "ps", "--wait", "2")
    assert len([line for line in shown.splitlines() if line.startswith("s2 ")]) == 3
    assert len(compose.containers("s2")) == 3, "a run must not undo --scale"


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


def test_down_leaves_no_container(compose: Compose) -> None:
    compose("--profile", "bench", "down", "--timeout", "20")
    assert docker("ps", "-aq", "--filter", "label=com.docker.compose.project=dsb-e2e") == ""

"""The embedded stack as a user meets it: up, seen, stopped; and gone when whoever started it is gone."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from typing import Any

import psutil
import pytest
from stack_kit import Kit, assert_same, dsb, wait_records

from bench.run.driver import play, prepare, stack_spec
from bench.run.folder import RunFolder
from bench.run.records import Final

pytestmark = pytest.mark.stack

Answers = dict[Final, dict[str, Any]]


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: list[psutil.Process], timeout: float = 30.0) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=timeout)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_up_serves_until_it_is_interrupted(kit: Kit) -> None:
    process = dsb("up", str(kit.yaml("up")), "--port", "0")
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    url = next(found[0] for line in lines if (found := re.search(r"nats://[\d.:]+", line)))
    seen, _ = dsb("ps", "--nats", url, "--wait", "2", "--json").communicate(timeout=60)
    services = {worker["service"] for worker in json.loads(seen)["workers"]}
    assert services == {"reader", "s1", "s2", "router", "memory"}
    started = children(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert gone(started)


def test_a_folder_whose_store_is_somebody_elses_is_left_alone(kit: Kit) -> None:
    folder = kit.folder / "mine"
    (folder / "store").mkdir(parents=True)
    (folder / "store" / "keep.txt").write_text("mine")
    process = dsb("up", str(kit.yaml("up")), "--port", "0", "--folder", str(folder))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "keep.txt" in said
    assert (folder / "store" / "keep.txt").read_text() == "mine"


def test_a_killed_run_leaves_no_process_behind_and_resumes_on_a_stack_of_its_own(
    kit: Kit, offline: Answers
) -> None:
    process = dsb("run", str(kit.yaml("alone")))
    wait_records(kit.folder / "runs" / "alone", 3, timeout=120)
    started = children(process)
    assert len(started) >= 6
    process.kill()
    process.communicate()
    assert gone(started)
    prepared = prepare(kit.config("alone"), resume=RunFolder.open(kit.folder / "runs" / "alone"))
    assert 0 < len(prepared.left) <= len(prepared.plays)
    assert play(prepared)
    assert_same(prepared.folder, offline)


def test_services_in_threads_of_one_process_give_the_same_answers(kit: Kit, offline: Answers) -> None:
    prepared = prepare(kit.config("threads"))
    spec = stack_spec(kit.config(), kit.folder / "threads", in_process=True)
    assert play(prepared, stack=spec)
    assert_same(prepared.folder, offline)


def test_two_stacks_beside_each_other_are_apart(kit: Kit) -> None:
    none = dict.fromkeys(("s1", "s2", "memory", "reader"), 0)
    with kit.stack("left", counts=none) as left, kit.stack("right", counts=none) as right:
        assert left.url != right.url
        assert left.names() == right.names() == ["nats", "router-1"]
        before = left.pids("nats")
        left.kill("nats")
        deadline = time.monotonic() + 30
        while left.pids("nats") in ([], before):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        left.wait_ready()
        assert right.starts("nats") == 1

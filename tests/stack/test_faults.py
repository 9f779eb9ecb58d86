"""Whatever process dies, wherever it stands: one final record per question and path, and the same answers.

One stack serves all tests here. Its failpoints are disarmed by files; a test arms one by removing its file, and the
first process that gets there is killed (failpoints, `!FILE`).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from stack_kit import (
    Kit,
    Running,
    answers,
    assert_same,
    assert_sound,
    dsb,
    killed,
    killed_at,
    record,
    wait_records,
)

from bench.chaos.switches import Switches, environment
from bench.run.driver import prepare, resumable
from bench.run.embedded import Stack
from bench.run.folder import RunFolder
from bench.run.records import Final

pytestmark = pytest.mark.stack

Answers = dict[Final, dict[str, Any]]

GAPS = (
    "reader.leased_not_published",
    "reader.frame_published",
    "reader.watermark_published",
    "router.received",
    "router.forwarded_not_replied",
    "router.queued_not_replied",
    "s1.leased_not_subscribed",
    "s1.answering",
    "s1.computed_not_published",
    "s1.published_not_replied",
    "s1.note_computed",
    "s1.note_acked",
    "s2.fetched",
    "s2.answering",
    "s2.computed_not_published",
    "s2.answered_not_acked",
    "memory.received",
    "memory.stored_not_replied",
)
SERVICES = ("reader", "s1", "s2", "router", "memory")
TOGETHER = (
    ("reader.leased_not_published", "router.received", "s1.leased_not_subscribed", "s2.fetched"),
    ("reader.frame_published", "router.forwarded_not_replied", "s1.answering", "s2.answering"),
    ("reader.watermark_published", "s1.computed_not_published", "s2.computed_not_published"),
    ("router.queued_not_replied", "s1.published_not_replied", "s2.answered_not_acked", "memory.received"),
    ("s1.note_computed", "memory.stored_not_replied"),
    ("s1.note_acked",),
)
"""At most one process of a service at a time: three deaths on one question are a poison question."""


def rules(gaps: Switches) -> str:
    # Slow enough that a run is still in flight when a test strikes.
    slow = ["s1.answering=sleep:60", "s2.answering=sleep:60"]
    poison = ["s1.answering[POISON]=kill", "s2.answering[POISON]=kill"]
    return ";".join([*slow, *poison, environment(gaps.folder, "any")["DSB_FAILPOINTS"]])


@pytest.fixture(scope="module")
def gaps(kit: Kit) -> Switches:
    return Switches(kit.folder / "gaps")


@pytest.fixture(scope="module")
def shared_stack(kit: Kit, gaps: Switches) -> Iterator[Stack]:
    env = {"DSB_FAILPOINTS": rules(gaps), "DSB_LEASE_TTL_S": "2", "DSB_JOB_ACK_WAIT_S": "3"}
    counts = {"reader": 2, "s1": 2, "s2": 2, "router": 2}
    with kit.stack("faults", env=env, counts=counts) as running:
        yield running


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """All of it up again, after what the test before did."""
    shared_stack.wait_ready()
    return shared_stack


def begin(kit: Kit, stack: Stack, name: str, **settings: Any) -> Running:
    return Running(prepare(kit.config(name, **settings)), stack.url)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_killed_in_flight_changes_no_answer(
    kit: Kit, offline: Answers, stack: Stack, service: str
) -> None:
    running = begin(kit, stack, f"killed_{service}")
    running.until(records=4)
    assert stack.kill(service)
    assert_same(running.finish(), offline)


def test_a_broker_that_dies_in_flight_changes_no_answer(kit: Kit, offline: Answers, stack: Stack) -> None:
    running = begin(kit, stack, "killed_broker")
    running.until(records=4)
    assert stack.kill("nats")
    assert_same(running.finish(), offline)


@pytest.mark.parametrize("armed", TOGETHER, ids=lambda armed: f"{armed[0]}_and_{len(armed) - 1}_more")
def test_processes_stopped_in_their_gaps_change_no_answer(
    kit: Kit, offline: Answers, stack: Stack, gaps: Switches, armed: tuple[str, ...]
) -> None:
    for gap in armed:
        gaps.on(killed_at(gap))
    running = begin(kit, stack, f"gap_{armed[0].replace('.', '_')}")
    assert_same(running.finish(), offline)
    assert [gap for gap in armed if not gaps.acted(killed_at(gap))] == []


@pytest.mark.slow
@pytest.mark.parametrize("gap", GAPS)
def test_each_gap_alone_changes_no_answer(
    kit: Kit, offline: Answers, stack: Stack, gaps: Switches, gap: str
) -> None:
    gaps.on(killed_at(gap))
    assert_same(begin(kit, stack, f"alone_{gap.replace('.', '_')}").finish(), offline)
    assert gaps.acted(killed_at(gap))


def test_a_paused_reader_and_a_paused_owner_are_refused_when_they_wake_up(
    kit: Kit, offline: Answers, stack: Stack
) -> None:
    running = begin(kit, stack, "paused")
    running.until(records=2)
    stack.kill("reader-1", signal.SIGSTOP)
    stack.kill("s1-1", signal.SIGSTOP)
    time.sleep(3.0)  # beyond the leases: others have taken over
    stack.kill("reader-1", signal.SIGCONT)
    stack.kill("s1-1", signal.SIGCONT)
    assert_same(running.finish(), offline)


def test_a_poison_question_ends_as_an_error_and_a_dead_letter_on_each_path(
    kit: Kit, offline: Answers, stack: Stack
) -> None:
    data = kit.altered("poison", lambda number, text: f"{text} POISON" if number == 0 else text)
    folder = begin(kit, stack, "poisoned", dataset__path=data).finish()
    assert_sound(folder)
    bad = kit.data.samples[0].id
    for path in ("s1", "s2"):
        assert record(folder, bad, path).status == "error"
        assert "3" in record(folder, bad, path).error
    good = {final: answer for final, answer in answers(folder).items() if final.sample != bad}
    assert good == {final: answer for final, answer in offline.items() if final.sample != bad}
    said, _ = dsb("dlq", "list", "--json", "--nats", stack.url).communicate(timeout=60)
    assert sorted(line.count("POISON") > 0 for line in said.splitlines()) == [True, True]


def test_a_killed_bench_resumes_to_the_same_scores(kit: Kit, offline: Answers, stack: Stack) -> None:
    process = dsb("run", str(kit.yaml("resumed")), "--nats", stack.url)
    wait_records(kit.folder / "runs" / "resumed", 5)
    process.kill()
    assert killed(process)
    again = dsb("run", "--resume", str(kit.folder / "runs" / "resumed"), "--nats", stack.url)
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    assert_same(RunFolder.open(kit.folder / "runs" / "resumed"), offline)


@pytest.mark.parametrize("gap", ["bench.final_received", "bench.record_written"])
def test_a_bench_killed_around_a_record_resumes_without_doubles(
    kit: Kit, offline: Answers, stack: Stack, gap: str
) -> None:
    name = gap.replace(".", "_")
    once = {"DSB_FAILPOINTS": f"{gap}=kill@4"}
    assert killed(dsb("run", str(kit.yaml(name)), "--nats", stack.url, env=once))
    again = dsb("run", "--resume", name, "--out", str(kit.folder / "runs"), "--nats", stack.url)
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    assert_same(RunFolder.open(kit.folder / "runs" / name), offline)


def test_an_interrupted_bench_says_how_to_go_on(kit: Kit, offline: Answers, stack: Stack) -> None:
    process = dsb("run", str(kit.yaml("interrupted")), "--nats", stack.url)
    wait_records(kit.folder / "runs" / "interrupted", 3)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"--resume {kit.folder / 'runs' / 'interrupted'}" in said
    folder = resumable(str(kit.folder / "runs"), "last")
    assert folder.manifest().status == "interrupted"
    again = dsb("run", "--resume", "last", "--out", str(kit.folder / "runs"), "--nats", stack.url)
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    assert_same(RunFolder.open(kit.folder / "runs" / "interrupted"), offline)

"""All five parts through the stack: what comes is what the plain way gives, whoever dies on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import five_parts
import pytest
from stack_kit import Kit, Running, answers, assert_same, dsb, killed, killed_at

from bench.chaos.switches import Switches, environment
from bench.run.audit import audit_run
from bench.run.driver import prepare
from bench.run.embedded import Stack
from bench.run.folder import RunFolder
from bench.run.records import Final, effective

pytestmark = pytest.mark.stack

Answers = dict[Final, dict[str, Any]]
SHORT = {"stream__horizon_s": 5.0}
GAPS = (
    "s1.standing_stored",
    "s1.tick",
    "s1.tick_computed",
    "s1.tick_published",
    "s1.tick_queueing",
    "s1.tick_queued",
    "s2.fetched",
    "s2.answering",
    "s2.computed_not_published",
    "s2.answered_not_acked",
)
TOGETHER = (
    ("s1.standing_stored", "s2.answering"),
    ("s1.tick_computed", "s2.computed_not_published"),
    ("s1.tick_queued", "s2.answered_not_acked"),
)


@pytest.fixture(scope="module")
def gaps(kit: Kit) -> Switches:
    return Switches(kit.folder / "tick_gaps")


@pytest.fixture(scope="module")
def shared_stack(kit: Kit, gaps: Switches) -> Iterator[Stack]:
    env = {
        "DSB_FAILPOINTS": environment(gaps.folder, "any")["DSB_FAILPOINTS"],
        "DSB_LEASE_TTL_S": "2",
        "DSB_JOB_ACK_WAIT_S": "3",
    }
    with kit.stack("five", env=env, counts={"s1": 2, "s2": 2}) as running:
        yield running


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    shared_stack.wait_ready()
    return shared_stack


@pytest.fixture(scope="module")
def data(kit: Kit) -> str:
    return five_parts.save(kit)


@pytest.fixture(scope="module")
def offline(kit: Kit, data: str) -> Answers:
    return answers(kit.run("five_offline", stream__mode="offline", dataset__path=data, **SHORT))


def of(found: Answers, task: str) -> list[dict[str, Any]]:
    return [answer for final, answer in found.items() if final.sample.endswith(f"/{task}")]


def test_all_five_parts_are_answered_as_offline_does(
    kit: Kit, data: str, offline: Answers, stack: Stack
) -> None:
    assert_same(kit.run("five", nats=stack.url, dataset__path=data, **SHORT), offline)


def test_what_is_compared_says_something(offline: Answers) -> None:
    emissions = [e for answer in offline.values() for e in answer["emissions"].values()]
    assert {e["speak"] for e in emissions} == {True}
    assert all(e["raw"] for e in emissions)
    assert max(e["tick"] for e in emissions) > 0
    assert all(any(a["emissions"] for a in of(offline, task)) for task in ("alert", "tell", "late"))
    assert {a["ticks"] for a in of(offline, "alert")} == {5}  # the next ask ends it
    assert {a["ticks"] for a in of(offline, "tell")} == {6}
    assert {a["ticks"] for a in of(offline, "late")} == {3}  # the video ends
    assert len({a["raw"] for a in of(offline, "seen")} | {a["raw"] for a in of(offline, "find")}) > 1
    assert {min(a["frames_ts"]) for a in of(offline, "cut")} == {8.0, 10.0}


OTHER_WAYS: dict[str, dict[str, Any]] = {
    "dense": {"system__clue": "dense", "system__history": "none"},
    "poll": {"system__proactive": "poll", "system__history": "oracle"},
    "rule": {"system__route": "rule"},
}


@pytest.mark.parametrize("way", OTHER_WAYS)
def test_every_other_way_of_asking_is_answered_as_offline_does(kit: Kit, stack: Stack, way: str) -> None:
    path = five_parts.save(kit)
    settings = {"dataset__path": path, **SHORT, **OTHER_WAYS[way]}
    plain = answers(kit.run(f"{way}_plain", stream__mode="offline", **settings))
    assert_same(kit.run(f"{way}_stack", nats=stack.url, **settings), plain)
    doors = {final.sample[3:]: answer["gold_door"] for final, answer in plain.items() if answer["gold_door"]}
    assert doors == ({"chain": "history", "alert": "poll", "late": "poll"} if way == "poll" else {})


def test_a_stream_that_does_not_tell_its_length_ends_its_questions_all_the_same(
    kit: Kit, stack: Stack
) -> None:
    path = five_parts.save(kit, known_length=False)
    settings = {"dataset__path": path, "dataset__parts": ["proactive"], **SHORT}
    plain = answers(kit.run("unknown_plain", stream__mode="offline", **settings))
    assert_same(kit.run("unknown_stack", nats=stack.url, **settings), plain)
    assert {a["ticks"] for a in of(plain, "late")} == {3}


@pytest.mark.parametrize("armed", TOGETHER, ids=lambda armed: armed[0])
def test_processes_stopped_in_the_middle_of_a_standing_question_change_no_answer(
    kit: Kit, data: str, offline: Answers, stack: Stack, gaps: Switches, armed: tuple[str, ...]
) -> None:
    for gap in armed:
        gaps.on(killed_at(gap))
    name = f"five_{armed[0].replace('.', '_')}"
    running = Running(prepare(kit.config(name, dataset__path=data, **SHORT)), stack.url)
    assert_same(running.finish(), offline)
    assert [gap for gap in armed if not gaps.acted(killed_at(gap))] == []


@pytest.mark.slow
@pytest.mark.parametrize("gap", GAPS)
def test_each_gap_around_a_tick_alone_changes_no_answer(
    kit: Kit, data: str, offline: Answers, stack: Stack, gaps: Switches, gap: str
) -> None:
    gaps.on(killed_at(gap))
    name = f"five_alone_{gap.replace('.', '_')}"
    assert_same(Running(prepare(kit.config(name, dataset__path=data, **SHORT)), stack.url).finish(), offline)
    assert gaps.acted(killed_at(gap))


def test_a_bench_killed_in_the_middle_of_a_standing_question_resumes_without_doubles(
    kit: Kit, data: str, offline: Answers, stack: Stack
) -> None:
    once = {"DSB_FAILPOINTS": "bench.tick_received=kill@7"}
    config = str(kit.yaml("five_resumed", dataset__path=data, **SHORT))
    assert killed(dsb("run", config, "--nats", stack.url, env=once))
    again = dsb("run", "--resume", "five_resumed", "--out", str(kit.folder / "runs"), "--nats", stack.url)
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    assert_same(RunFolder.open(kit.folder / "runs" / "five_resumed"), offline)


def test_live_a_standing_question_is_watched_until_its_horizon(kit: Kit, stack: Stack) -> None:
    path = five_parts.save(kit)
    settings = {"dataset__path": path, "dataset__parts": ["proactive"], "stream__horizon_s": 4.0}
    folder = kit.run("five_live", nats=stack.url, stream__mode="live", **settings)
    assert audit_run(folder).leaks == ()
    records = effective(folder.records())
    finals = [record for record in records if record.kind == "final"]
    assert len(finals) == 6
    assert all((record.status == "ok") is bool(record.answered) for record in finals)
    assert all(record.t_emit >= record.t_ask for record in records if record.kind == "emission")

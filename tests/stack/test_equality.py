"""The stack answers as the plain way does, every time, whatever the timing and whoever else is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stack_kit import Kit, Running, answers, assert_same, assert_sound, dsb

from bench.run.audit import audit_run
from bench.run.driver import prepare
from bench.run.embedded import Stack
from bench.run.folder import RunFolder
from bench.run.records import Final
from shared.messages import Path

pytestmark = pytest.mark.stack

Answers = dict[Final, dict[str, Any]]


@pytest.fixture(scope="module")
def stack(kit: Kit) -> Iterator[Stack]:
    with kit.stack("plain") as running:
        yield running


def test_capacity_mode_answers_every_question_as_offline_does(
    kit: Kit, offline: Answers, stack: Stack
) -> None:
    folder = kit.run("capacity", nats=stack.url)
    assert_same(folder, offline)
    assert {final.path for final in offline} == {Path.S1, Path.S2}


def test_answers_depend_on_what_was_seen(offline: Answers) -> None:
    # Otherwise equality would show nothing.
    assert len({answer["choice"] for answer in offline.values()}) > 1
    assert len({note["text"] for answer in offline.values() for note in answer["notes"]}) > 4


def test_two_benches_on_one_broker_do_not_disturb_each_other(
    kit: Kit, offline: Answers, stack: Stack
) -> None:
    runs = [Running(prepare(kit.config(name)), stack.url) for name in ("bench_a", "bench_b")]
    for running in runs:
        assert_same(running.finish(), offline)


def test_one_opening_at_a_time_gives_the_same_answers(kit: Kit, offline: Answers, stack: Stack) -> None:
    assert_same(kit.run("serial", nats=stack.url, stream__concurrency=1), offline)


def test_the_rule_route_sends_each_question_one_way_and_answers_as_both_did(
    kit: Kit, offline: Answers, stack: Stack
) -> None:
    folder = kit.run("rule", nats=stack.url, system__route="rule")
    assert_sound(folder)
    got = answers(folder)
    assert len({final[:3] for final in got}) == len(got)
    assert all(got[final]["choice"] == offline[final]["choice"] for final in got)
    assert all(got[final]["probs"] == offline[final]["probs"] for final in got)


def test_a_source_that_is_not_there_ends_in_error_records_that_name_it(kit: Kit, stack: Stack) -> None:
    (kit.folder / "gone").mkdir(exist_ok=True)
    path = kit.altered("gone", lambda number, text: text)
    text = (kit.folder / "gone" / "all.json").read_text()
    (kit.folder / "gone" / "all.json").write_text(text.replace(".mp4", ".missing.mp4"))
    stacked = kit.run("gone_stack", nats=stack.url, dataset__path=path)
    plain = kit.run("gone_plain", dataset__path=path, stream__mode="offline")
    assert_same(stacked, answers(plain))
    records = stacked.records()
    assert {record.status for record in records} == {"error"}
    assert all(".missing.mp4" in record.error for record in records)


def test_live_mode_stamps_answers_with_the_time_of_their_emission(kit: Kit, stack: Stack) -> None:
    folder = kit.run(
        "live", nats=stack.url, stream__mode="live", dataset__max_samples=3, system__route="rule"
    )
    assert audit_run(folder).leaks == ()
    records = folder.records()
    assert [record.status for record in records] == ["ok"] * len(records)
    assert all(record.t_emit is not None and record.t_emit >= record.t_ask for record in records)


DELAYS = {"DSB_FAILPOINTS": "bus.*=delay:0:500:7"}


def test_random_delays_at_every_hop_change_no_answer(kit: Kit) -> None:
    some = {"dataset__parts": ["reasoning"]}
    expected = answers(kit.run("undelayed", stream__mode="offline", **some))
    with kit.stack("slow", env=DELAYS, counts={"s2": 2}) as slow:
        process = dsb("run", str(kit.yaml("delayed", **some)), "--nats", slow.url, env=DELAYS)
        _, said = process.communicate(timeout=280)
    assert process.returncode == 0, said
    assert_same(RunFolder.open(kit.folder / "runs" / "delayed"), expected)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_delays_and_two_benches_change_no_answer(kit: Kit, offline: Answers) -> None:
    names = ("delayed_a", "delayed_b")
    with kit.stack("slower", env=DELAYS) as slow:
        runs = [dsb("run", str(kit.yaml(name)), "--nats", slow.url, env=DELAYS) for name in names]
        for process in runs:
            _, said = process.communicate(timeout=800)
            assert process.returncode == 0, said
    for name in names:
        assert_same(RunFolder.open(kit.folder / "runs" / name), offline)

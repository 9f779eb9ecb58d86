"""Memory through the running stack: every setting answers as offline, planted notes too, and a memory that hangs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import five_parts
import pytest
from stack_kit import Kit, answers, assert_same, assert_sound

from bench.run.embedded import Stack
from bench.run.records import effective
from shared.messages import Path, Status

pytestmark = pytest.mark.stack

SOME = {"dataset__parts": ["reasoning"], "dataset__max_samples": 2, "system__route": "force-s2"}
EVERYTHING: dict[str, Any] = {
    **SOME,
    "memory__mode": "both",
    "memory__every_s": 3.0,
    "memory__writer": "on_change",
    "memory__k": 3,
    "memory__recent": 2,
    "memory__kinds": ["scene", "change"],
    "memory__recency": 0.3,
    "memory__mmr": 0.7,
    "memory__order": "similarity",
    "memory__frames": 2,
}


@pytest.fixture(scope="module")
def stack(kit: Kit) -> Iterator[Stack]:
    with kit.stack("remembering", env={"DSB_CAPACITY_MEMORY_S": "8"}) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("everything", EVERYTHING),
        ("oracle", {**SOME, "memory__source": "oracle"}),
        ("random-weights", {**SOME, "memory__source": "random-weights"}),
    ],
)
def test_the_stack_remembers_as_offline_does(
    kit: Kit, stack: Stack, name: str, settings: dict[str, Any]
) -> None:
    plain = kit.run(f"{name}_plain", stream__mode="offline", **settings)
    assert_same(kit.run(f"{name}_stack", nats=stack.url, **settings), answers(plain))
    records = effective(plain.records())
    assert any(record.notes for record in records)
    if name == "oracle":
        assert {record.gold_door for record in records} == {"evidence"}
    elif name == "everything":
        # Off the grid of the window, and not the newest: notes led there.
        assert any(index % 5 for record in records for index in record.frames_idx[:-1])


def test_what_was_said_is_remembered_as_offline_does_by_the_kinds_that_are_read(
    kit: Kit, stack: Stack
) -> None:
    settings: dict[str, Any] = {
        "dataset__path": five_parts.save(kit),
        "stream__horizon_s": 4.0,
        "system__route": "both",
        "memory__also": ["user", "answer", "event"],
        "memory__kinds": ["user", "answer", "event"],
        "memory__k": 8,
    }
    plain = kit.run("said_plain", stream__mode="offline", **settings)
    assert_same(kit.run("said_stack", nats=stack.url, **settings), answers(plain))
    read = [(record, note) for record in effective(plain.records()) for note in record.notes]
    assert {note.kind for _, note in read} == {"user", "answer", "event"}
    finals = [(record, note) for record, note in read if record.ticks is None and record.kind == "final"]
    assert all(note.t_end <= record.t_ask for record, note in finals)


def test_a_memory_that_hangs_costs_notes_and_no_answer(kit: Kit, stack: Stack) -> None:
    [memory] = stack.kill("memory", signal.SIGSTOP)
    try:
        folder = kit.run("hangs", nats=stack.url, **SOME)
    finally:
        stack.kill("memory", signal.SIGCONT)
    assert memory in stack.pids("memory"), "it was restarted: this shows nothing"
    assert_sound(folder)
    records = effective(folder.records())
    assert {(record.path, record.status) for record in records} == {(Path.S2, Status.OK)}
    assert {record.partial for record in records} == {"memory_unavailable"}
    assert not any(record.notes for record in records)

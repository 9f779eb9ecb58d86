"""Routing through the stack: a policy replayed on a paired run decides as it did live; one that fails loses nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import five_parts
import pytest
from routing_kit import table
from stack_kit import Kit, answers, assert_same, assert_sound

from bench.routing.paired import CostUnit, paired
from bench.routing.replay import replay
from bench.routing.rerun import rerun
from bench.routing.train import fit_learned
from bench.run.audit import audit_run
from bench.run.driver import prepare
from bench.run.embedded import Stack
from bench.run.folder import RunFolder
from bench.run.records import Record, effective
from shared.messages import Path, Status

pytestmark = pytest.mark.stack

SHORT = {"stream__horizon_s": 3.0}
ROUTES = ("cascade@0.4", "semantic", "learned", "llm")
"""One that sees S1's answer, one that encodes the question, one that was trained, and one that asks a model; plain ones
are compared in test_five_parts.py."""


@pytest.fixture(scope="module")
def stack(kit: Kit) -> Iterator[Stack]:
    with kit.stack("routes") as running:
        yield running


@pytest.fixture(scope="module")
def data(kit: Kit) -> str:
    return five_parts.save(kit)


@pytest.fixture(scope="module")
def both(kit: Kit, data: str) -> RunFolder:
    return kit.run("routes_both", stream__mode="offline", system__route="both", dataset__path=data, **SHORT)


@pytest.fixture(scope="module")
def named(kit: Kit) -> dict[str, str]:
    """Each route with the file or the model that it takes."""
    words = ("now", "before", "at the moment", "at first")
    texts = [f"What {thing} was there {when}?" for thing in ("star", "colour", "ring") for when in words]
    late = [int("before" in text or "first" in text) for text in texts]
    made = table([1 - one for one in late], late, videos=[n % 4 for n in range(len(texts))], texts=texts)
    file = kit.folder / "router.json"
    file.write_text(fit_learned(made, price=0.0).file.model_dump_json(by_alias=True))
    return {"learned": f"learned:{file}", "llm": f"llm@0.5:{kit.folder / 's2'}"}


def finals(folder: RunFolder) -> dict[tuple[str, int, int], list[Record]]:
    found: dict[tuple[str, int, int], list[Record]] = {}
    for record in effective(folder.records()):
        if record.kind == "final":
            found.setdefault((record.sample, record.turn, record.probe), []).append(record)
    return found


@pytest.mark.parametrize("route", ROUTES)
def test_a_policy_decides_live_offline_and_in_replay_alike(
    kit: Kit, data: str, both: RunFolder, stack: Stack, named: dict[str, str], route: str
) -> None:
    name = f"routes_{ROUTES.index(route)}"
    route = named.get(route, route)
    settings = {"dataset__path": data, "system__route": route, **SHORT}
    plain = kit.run(f"{name}_offline", stream__mode="offline", **settings)
    live = kit.run(f"{name}_stack", nats=stack.url, **settings)
    assert_same(live, answers(plain))
    asked = paired(both, unit=CostUnit.CALLS)
    replayed = replay(asked, route)
    assert replayed.fallbacks == 0
    recorded = finals(live)
    assert len({made.score for made in replayed.decisions}) > 1
    for row, made in zip(asked.rows, replayed.decisions, strict=True):
        records = recorded[row.key.sample, row.key.turn, row.key.probe]
        for record in records:
            assert (record.routed, record.route_score) == (made.paths, made.score)
            assert record.route_reason == made.reason
        assert {record.path for record in records} == set(made.paths)


def test_a_cascade_goes_both_ways_here(both: RunFolder) -> None:
    decisions = replay(paired(both, unit=CostUnit.CALLS), ROUTES[0]).decisions
    assert {made.paths for made in decisions} == {(Path.S1,), (Path.S1, Path.S2)}


def test_a_policy_that_fails_leaves_marked_answers_to_every_question(
    kit: Kit, data: str, stack: Stack
) -> None:
    settings = {"dataset__path": data, "dataset__parts": ["realtime", "clue"], **SHORT}
    expected = answers(kit.run("routes_rule", stream__mode="offline", system__route="rule", **settings))
    folder = kit.run("routes_gone", nats=stack.url, system__route="llm:no-such-model", **settings)
    assert_sound(folder)
    got = answers(folder)
    assert got.keys() == expected.keys()
    for final, answer in got.items():
        assert answer["raw"] == expected[final]["raw"]
        assert answer["route_fallback"]
        assert "no-such-model" in answer["route_reason"]
    assert audit_run(folder).violations == ()


def test_a_router_that_hangs_loses_no_question(kit: Kit, data: str, stack: Stack) -> None:
    settings = {"dataset__path": data, "dataset__parts": ["realtime"], "stream__stall_s": 4.0}
    [router] = stack.kill("router", signal.SIGSTOP)
    try:
        folder = kit.run("routes_hung", nats=stack.url, system__route=ROUTES[0], **settings)
    finally:
        stack.kill("router", signal.SIGCONT)
    assert router in stack.pids("router"), "it was restarted: this shows nothing"
    assert_sound(folder)
    records = [record for found in finals(folder).values() for record in found]
    assert len(finals(folder)) == len(folder.dataset().samples)
    assert {record.status for record in records} == {Status.TIMEOUT}
    assert all(record.route_fallback and record.error for record in records)


def test_a_run_that_only_the_router_could_route_is_known_to_be_complete(kit: Kit, data: str) -> None:
    folder = RunFolder.open(kit.folder / "runs" / "routes_0_stack")
    config = kit.config("routes_0_stack", dataset__path=data, system__route=ROUTES[0], **SHORT)
    assert not prepare(config, resume=folder).left
    lines = folder.records_path.read_bytes().splitlines(keepends=True)
    last = next(
        n for n, line in enumerate(lines) if b'"path":"s2"' in line and b'"kind":"emission"' not in line
    )
    folder.records_path.write_bytes(b"".join(lines[:last] + lines[last + 1 :]))
    assert prepare(config, resume=folder).left


def test_a_rerun_is_the_run_that_the_policy_would_have_made(kit: Kit, data: str) -> None:
    settings = {"dataset__path": data, "stream__mode": "offline", **SHORT}
    own = answers(kit.run("rerun_own", system__route="rule", **settings))
    for begun in ("force-s1", "both"):
        source = kit.run(f"rerun_{begun}", system__route=begun, **settings)
        made = rerun(source, "rule", kit.folder / "runs" / f"rerun_{begun}_rule")
        assert made.complete
        assert min(made.copied, made.asked) > 0  # of `both` chains alone, whose turns part ways
        assert_same(made.folder, own)

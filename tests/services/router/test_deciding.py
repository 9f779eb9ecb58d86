"""The router decides whatever a policy does, goes on turning meanwhile, and shows it nothing but words and times."""

from __future__ import annotations

import asyncio
import re
import threading
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path as FilePath
from typing import Any

import pytest
from bench_kit import OPTIONS
from metrics_kit import growth
from prometheus_client import REGISTRY as REGISTERED

from bench.data import to_questions
from bench.data.schema import (
    AnswerSpec,
    Evidence,
    Gold,
    Group,
    Part,
    Sample,
    Source,
    Span,
    Stream,
    Turn,
)
from bench.run.config import load_config
from services.router.deciding import Deciding
from shared.messages import Ask, Open, Path, Question, S1Said
from shared.routing import Decision, First, StreamState, label, policy

GUARD = import_module("shared.routing.guard")
REGISTRY = import_module("shared.routing.registry")
ROOT = FilePath(__file__).resolve().parents[3]
OPENED = Open(opening="r_0_1", run="r", uri="v.mp4", profile=load_config(None).profile())


class Spy:
    """A policy that keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[Question, StreamState]] = []

    def decide(self, question: Question, state: StreamState) -> Decision:
        self.seen.append((question, state))
        return Decision((Path.S1,), 0.1, "spied", then=True)

    def after(self, question: Question, state: StreamState, first: First) -> Decision:
        self.seen.append((question, state))
        return Decision((Path.S1, Path.S2), 0.9, "spied")


def install(monkeypatch: pytest.MonkeyPatch, made: Any) -> None:
    monkeypatch.setattr(GUARD, "policy", lambda route: made)


def ask(question: Question, **more: Any) -> Ask:
    return Ask(question=question, route="strange", open=OPENED, decide=True, **more)


def planted() -> Question:
    """The question of a sample in which gold, part and ability stand in every field that is not asked."""
    turn = Turn(
        question="What colour is it?",
        ask_s=10.5,
        answer=AnswerSpec(options=OPTIONS, gold=(Gold(value="A", text="PLANTED gold"),)),
        evidence=(Evidence(span=Span(from_s=1, to_s=2), kind="PLANTED evidence"),),
        ability="PLANTED episodic",
    )
    sample = Sample(
        id="PLANTED/reasoning/PLANTED-gold-A",
        part=Part.REASONING,
        task="PLANTED task",
        streams=(Stream(uri="PLANTED.mp4"),),
        turns=(turn,),
        group=Group(id="PLANTED", role="PLANTED"),
        source=Source(bench="PLANTED", native={"answer": "PLANTED"}),
    )
    return to_questions(sample, "PLANTED_0_1")[0].question


def test_gold_part_and_ability_never_reach_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy()
    install(monkeypatch, spy)
    question = planted()
    assert "PLANTED" in question.model_dump_json()

    async def both() -> None:
        deciding = Deciding(5.0)
        await deciding.decide(ask(question, asked=3, since_s=1.5))
        await deciding.decide(ask(question, asked=3, since_s=1.5, first=S1Said(status="ok", confidence=0.3)))

    asyncio.run(both())
    assert len(spy.seen) == 2
    for seen, state in spy.seen:
        told = f"{seen.model_dump_json()} {state}"
        assert not re.search("PLANTED|reasoning|episodic|colour_task", told)
        assert (seen.text, seen.options) == ("What colour is it?", OPTIONS)
        assert state == StreamState(10.5, 11, 3, 3, 1.5)


def test_a_policy_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    door = threading.Event()

    class Hanging(Spy):
        def decide(self, question: Question, state: StreamState) -> Decision:
            door.wait(30)
            return super().decide(question, state)

    install(monkeypatch, Hanging())
    turns = 0

    async def meanwhile() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    async def run() -> Any:
        other = asyncio.create_task(meanwhile())
        routed = await Deciding(0.3).decide(ask(planted()))
        other.cancel()
        return routed

    routed = asyncio.run(run())
    door.set()
    assert routed.stamp.fallback
    assert routed.paths == (Path.S1,)
    assert "no decision within 0.3 s" in routed.stamp.reason
    assert turns > 0


@pytest.mark.parametrize("made", [object(), None, 7])
def test_what_is_no_policy_at_all_is_replaced_too(monkeypatch: pytest.MonkeyPatch, made: Any) -> None:
    install(monkeypatch, made)
    fallbacks = growth("dsb_fallbacks_total", route="other")
    routed = asyncio.run(Deciding(5.0).decide(ask(planted())))
    assert routed.stamp.fallback
    assert routed.paths == (Path.S1,)
    assert fallbacks() == 1


def example() -> str:
    """The policy that the documents show."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs/routing.md").read_text(), re.S)
    assert found is not None
    return found[1]


def test_the_policy_of_the_documents_works_in_twenty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    code = example()
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    made: dict[str, Any] = {}
    exec(compile(code, "docs/routing.md", "exec"), made)
    point = EntryPoint("curious", "my_package.policies:Curious", REGISTRY.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda point: made["Curious"])
    monkeypatch.setattr(
        REGISTRY, "entry_points", lambda name=None, **_: [point] if name in (None, "curious") else []
    )
    REGISTRY._made.cache_clear()
    assert policy("curious").decide(planted(), StreamState(10.5)).paths
    long = planted().model_copy(update={"text": "What did the man put down before he went away?"})
    routed = asyncio.run(Deciding(5.0).decide(ask(long).model_copy(update={"route": "curious:6"})))
    assert (routed.paths, routed.stamp.fallback) == ((Path.S2,), False)
    REGISTRY._made.cache_clear()


def test_what_clients_write_as_a_route_makes_no_series_and_no_guard_of_its_own() -> None:
    assert [label(route) for route in ("rule", "random@0.25:7", "learned:/no/file", "force-s1")] == [
        "rule",
        "random",
        "learned",
        "force-s1",
    ]
    assert {label(route) for route in ("strange", "strange:x", "two words", "", "x" * 9000)} == {"other"}

    async def many() -> Deciding:
        deciding = Deciding(5.0)
        for number in range(100):
            await deciding.decide(ask(planted()).model_copy(update={"route": f"random@0.{number}"}))
            await deciding.decide(ask(planted()).model_copy(update={"route": f"strange:{number}"}))
        return deciding

    def fallbacks() -> set[str]:
        [counted] = [one for one in REGISTERED.collect() if one.name == "dsb_fallbacks"]
        return {one.labels["route"] for one in counted.samples}

    assert asyncio.run(many())._guard.cache_info().currsize <= 64
    assert not [route for route in fallbacks() if ":" in route or "@" in route]
    assert "other" in fallbacks()

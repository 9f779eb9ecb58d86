"""The whole flow with rights on: every service as its own user, on the broker as it is shipped, and nothing refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import five_parts
import pytest
from bus_kit import fresh_opening, job, question
from stack_kit import Kit, assert_sound, dsb
from trusted_broker import TrustedBroker

from bench.data.synth import Recipe
from bench.run.embedded import Stack, StackSpec
from bench.run.letters import kept_letters
from bench.run.records import effective
from shared.bus import Bus
from shared.messages import DeadLetter, Form

pytestmark = [pytest.mark.stack, pytest.mark.nats, pytest.mark.timeout(900)]

SERVICES = ("memory", "reader", "router", "s1", "s2")


class TrustedStack(Stack):
    """The embedded stack on a shipped broker: the topology by admin, each service by its own user."""

    def __init__(self, spec: StackSpec, broker: TrustedBroker) -> None:
        super().__init__(spec)
        self.broker = broker

    def _start_broker(self, port: int) -> None:
        self.broker.port = port
        self.broker.start()

    def stop(self) -> None:
        super().stop()
        self.broker.kill()


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    recipe = Recipe(seed=1, videos=1, parts=("realtime",), per_video=1, duration_s=(16.0, 16.0))
    return Kit(tmp_path_factory.mktemp("flow"), recipe)


@pytest.fixture(scope="module")
def stack(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedStack]:
    broker = TrustedBroker(tmp_path_factory.mktemp("nats"))
    own = {name: _login(broker, name) for name in SERVICES}
    spec = kit.stack("trusted", service_env=own, env=_login(broker, "admin"), ready_s=600.0).spec
    with TrustedStack(spec, broker) as running:
        yield running


def _login(broker: TrustedBroker, user: str) -> dict[str, str]:
    return {name: value for name, value in broker.env_of(user).items() if name != "DSB_NATS_URL"}


@pytest.fixture
def as_bench(stack: TrustedStack, monkeypatch: pytest.MonkeyPatch) -> TrustedStack:
    for name, value in _login(stack.broker, "bench").items():
        monkeypatch.setenv(name, value)
    return stack


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("capacity", {}),
        ("dense", {"system__clue": "dense", "dataset__parts": ["clue"]}),
        ("live", {"stream__mode": "live", "dataset__parts": ["proactive", "realtime"]}),
        ("routed", {"system__route": "rule", "dataset__parts": ["realtime", "sequential"]}),
    ],
)
def test_a_run_plays_to_its_end_and_nothing_is_refused(
    kit: Kit, as_bench: TrustedStack, name: str, settings: dict[str, object]
) -> None:
    data = {"dataset__path": five_parts.save(kit), "stream__horizon_s": 5.0}
    folder = kit.run(f"trusted_{name}", nats=as_bench.url, **{**data, **settings})
    assert_sound(folder)
    finals = [record for record in effective(folder.records()) if record.kind == "final"]
    assert {record.path for record in finals} >= ({"s1", "s2"} if name == "capacity" else {"s1"})
    assert [record.error for record in finals if record.status == "error"] == []
    assert as_bench.broker.violations() == []


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("bench", ("ps",)),
        ("bench", ("memory", "ls", "--json")),
        ("bench", ("stream", "ls")),
        ("bench", ("dlq", "list")),
        ("admin", ("init",)),
        ("admin", ("ps",)),
    ],
)
def test_the_commands_for_people_work_with_their_user(
    stack: TrustedStack, user: str, words: tuple[str, ...]
) -> None:
    command = dsb(*words, *(() if words == ("init",) else ("--nats", stack.url)), env=_env(stack, user))
    said, wrong = command.communicate(timeout=120)
    assert command.returncode == 0, wrong
    assert stack.broker.violations() == []
    if "--json" in words:
        assert json.loads(said)["notes"] > 0


def _say(stack: TrustedStack, user: str, *words: str) -> str:
    """What a command prints that ends well."""
    command = dsb(*words, "--nats", stack.url, env=_env(stack, user))
    said, wrong = command.communicate(timeout=180)
    assert command.returncode == 0, wrong
    return said


def test_a_stream_is_added_asked_and_removed_by_the_bench(stack: TrustedStack) -> None:
    bars = "webcam:lavfi:testsrc=size=96x96:rate=8,realtime"
    assert "bars plays" in _say(stack, "bench", "stream", "add", bars, "--id", "bars", "--wait", "120")
    choices = ("--option", "a bar", "--option", "a star", "--wait", "120")
    answers = _say(stack, "bench", "stream", "ask", "bars", "What is there?", *choices).splitlines()
    assert sorted(line.split()[0] for line in answers) == ["s1", "s2"]
    assert "bars is removed" in _say(stack, "bench", "stream", "rm", "bars")
    assert stack.broker.violations() == []


def test_a_dead_letter_is_put_back_and_another_dropped_by_the_admin(stack: TrustedStack) -> None:
    opening = fresh_opening()

    async def write() -> list[str]:
        s2 = await Bus.connect(stack.broker.settings("s2", nats_url=stack.url), name="s2")
        for key in ("back", "away"):
            asked = question(opening, key=key).model_copy(update={"form": Form.TEXT})
            body = job(opening).model_copy(update={"question": asked}).model_dump(mode="json")
            letter = DeadLetter(service="s2", reason="killed", opening=opening, key=key, body=body)
            await s2.dead_letter(letter)
        await s2.drain()
        bench = await Bus.connect(stack.broker.settings("bench", nats_url=stack.url), name="bench")
        kept = await kept_letters(bench)
        await bench.drain()
        return [str(one.id) for one in kept if one.letter.opening == opening]

    back, away = asyncio.run(write())
    said = _say(stack, "admin", "dlq", "retry", back, "--wait", "120")
    assert said.startswith("queued for S2 again\nok: ")
    assert _say(stack, "admin", "dlq", "drop", away, "--yes") == "dropped 1\n"
    assert "no dead letters" in _say(stack, "admin", "dlq", "list")
    assert stack.broker.violations() == []


def _env(stack: TrustedStack, user: str) -> dict[str, str]:
    return {**stack.broker.env_of(user), "DSB_NATS_URL": stack.url}


def test_each_service_was_there_as_its_own_user(stack: TrustedStack) -> None:
    for service in SERVICES:
        log = (Path(stack.spec.folder) / "logs" / f"{service}-1.log").read_text()
        assert f'"nats_user": "{service}"' in log or f"'nats_user': '{service}'" in log

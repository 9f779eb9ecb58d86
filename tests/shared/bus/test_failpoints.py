from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from bus_kit import child, connected, fresh_opening, job

from shared import subjects
from shared.bus import FrameLog, Meta, failpoints
from shared.errors import ConfigError
from shared.messages import Close, Done, Event, EventKind

_HITS = """
import sys
from shared.bus import failpoints
for name, tag in (("s1.a", "x"), ("s2.b", "red box"), ("s2.b", "blue")):
    failpoints.hit(name, tag)
    print(name, tag, flush=True)
"""


def _run(rules: str) -> tuple[int, list[str]]:
    process = child(_HITS, env={"DSB_FAILPOINTS": rules})
    out, _ = process.communicate(timeout=30)
    return process.returncode, out.splitlines()


def test_nothing_happens_without_rules() -> None:
    assert _run("")[0] == 0


def test_a_named_point_kills_the_process() -> None:
    assert _run("s2.b=kill") == (-signal.SIGKILL, ["s1.a x"])


def test_a_tag_chooses_the_hit() -> None:
    assert _run("s2.b[blue]=kill") == (-signal.SIGKILL, ["s1.a x", "s2.b red box"])


def test_a_glob_and_a_number_choose_the_hit() -> None:
    assert _run("*=kill@2") == (-signal.SIGKILL, ["s1.a x"])


def test_a_file_makes_it_happen_once_over_restarts(tmp_path: Path) -> None:
    rules = f"s2.b=kill!{tmp_path / 'done'}"
    assert _run(rules)[0] == -signal.SIGKILL
    assert _run(rules)[0] == 0


def test_a_switch_of_each_point_acts_once_when_it_is_on(tmp_path: Path) -> None:
    rules = f"*=kill^{tmp_path}/{{name}}.kill"
    assert _run(rules)[0] == 0
    (tmp_path / "s2.b.kill").touch()
    assert _run(rules) == (-signal.SIGKILL, ["s1.a x"])
    assert list(tmp_path.iterdir()) == []
    assert _run(rules)[0] == 0


def test_a_rule_acts_only_while_its_file_is_there(tmp_path: Path) -> None:
    file = tmp_path / "on"
    assert _run(f"s1.a=kill?{file}") == (0, ["s1.a x", "s2.b red box", "s2.b blue"])
    file.touch()
    assert _run(f"s1.a=kill?{file}!{tmp_path / 'once'}") == (-signal.SIGKILL, [])
    assert _run(f"s1.a=kill?{file}!{tmp_path / 'once'}")[0] == 0


def test_delays_are_drawn_from_their_range(set_failpoints: Callable[[str], None]) -> None:
    set_failpoints("bus.*=delay:20:30:7;s1.x=sleep:10")
    began = time.monotonic()
    failpoints.hit("bus.send", "any")
    failpoints.hit("s1.x")
    assert time.monotonic() - began >= 0.03
    assert failpoints._wait_s("router.x", "") == 0


def test_the_same_seed_draws_the_same_delays(set_failpoints: Callable[[str], None]) -> None:
    drawn = []
    for _ in range(2):
        set_failpoints("p=delay:0:500:3")
        drawn.append([failpoints._wait_s("p", "") for _ in range(5)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 5


async def test_the_event_loop_turns_during_an_awaited_delay(set_failpoints: Callable[[str], None]) -> None:
    set_failpoints("p=sleep:50")
    waiting = asyncio.create_task(failpoints.ahit("p"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await waiting


def test_a_rule_that_cannot_be_read_is_quoted() -> None:
    with pytest.raises(ConfigError, match=r"'s1\.x=explode'"):
        failpoints.configure("s1.x=explode")
    failpoints.configure("")


@pytest.mark.nats
@pytest.mark.parametrize("point", ["bus.send", "bus.receive"])
async def test_every_hop_passes_a_failpoint_with_its_subject(
    nats_url: str, tmp_path: Path, set_failpoints: Callable[[str], None], point: str
) -> None:
    async def done(message: Close, meta: Meta) -> Done:
        return Done()

    hops = {
        "ask": "dsb.v1.test.hop",
        "log": "dsb.v1.frame.cap.",
        "queue": "dsb.v1.s2.job.",
        "event": "dsb.v1.event.",
    }
    set_failpoints(";".join(f"{point}[{subject}]=sleep:1!{tmp_path / hop}" for hop, subject in hops.items()))
    opening = fresh_opening()
    async with connected(nats_url) as bus:
        await bus.serve("dsb.v1.test.hop", Close, done)
        await bus.request("dsb.v1.test.hop", Close(opening="a"), Done)
        log = FrameLog(bus, opening, live=False)
        await log.append("frame", index=0, t=0.0)
        await log.index()
        await bus.publish_event(Event(opening=opening, kind=EventKind.CLOSED))
        feed = bus.follow(subjects.EVENTS, subjects.event(opening, "*"), stop_at_end=True)
        assert len([stored async for stored in feed]) == 1
        await bus.enqueue(job(opening))
        async with aclosing(bus.jobs(slots=lambda: 1)) as jobs:
            await (await anext(jobs)).ack()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(hops)

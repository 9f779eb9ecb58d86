from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bus_kit import child

from shared.bus import failpoints
from shared.errors import ConfigError

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

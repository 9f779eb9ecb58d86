"""A stack as those see it who run it: metrics, traces, `dsb ps`, `dsb dlq`.

One stack serves all tests here. In it S2 is killed by a poison question while a file is there, and gives it up at once.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from bus_kit import connected
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain
from stack_kit import ROOT, Kit, dsb, record

from bench.run.embedded import Stack
from bench.run.folder import RunFolder
from shared import subjects
from shared.messages import Answer

pytestmark = pytest.mark.stack

ELSEWHERE = {
    "dsb_fallbacks_total": "services/router/test_deciding.py",
    "dsb_ticks_total": "services/s1/test_live_ticks.py",
    "dsb_answers_duplicate_total": "shared/bus/test_answers.py",
    "dsb_retries_total": "shared/service/test_retry.py",
    "dsb_reader_takeovers_total": "services/router/test_readers.py",
    "dsb_reader_log_waits_total": "services/reader/test_reader_capacity.py",
    "dsb_reader_source_errors_total": "services/reader/test_reader_capacity.py",
    "dsb_reader_sources_lost_total": "services/reader/test_live_inputs.py",
    "dsb_reader_reconnects_total": "services/reader/test_live_inputs.py",
    "dsb_reader_gap_seconds_total": "services/reader/test_live_inputs.py",
    "dsb_frames_dropped_total": "services/s1/test_latest_frames.py",
    "dsb_memory_forgotten_total": "services/memory/test_memory_service.py",
    "dsb_provider_tries_total": "shared/vlm/providers/test_provider_contract.py",
    "dsb_provider_tokens_total": "shared/vlm/providers/test_provider_contract.py",
    "dsb_provider_cost_usd_total": "shared/vlm/providers/test_provider_contract.py",
}
"""Metrics of what does not happen in a run of questions on files; the test that makes it happen, and looks at them."""
IDLE = {
    "dsb_jobs_waiting",
    "dsb_dead_letters_stored",
    "dsb_jobs_in_work",
    "dsb_s2_busy",
    "dsb_s1_owned",
    "dsb_reader_playing",
    "dsb_openings",
}
"""Gauges that are zero again when all is done."""


class Watched:
    """The stack, and the run that it has played."""

    def __init__(self, stack: Stack, folder: RunFolder, poison: Path) -> None:
        self.stack, self.folder, self.poison = stack, folder, poison

    def said(self, *words: str, code: int = 0) -> str:
        process = dsb(*words, "--nats", self.stack.url)
        out, error = process.communicate(timeout=60)
        assert process.returncode == code, error
        return out + error


@pytest.fixture(scope="module")
def watched(kit: Kit) -> Iterator[Watched]:
    poison = kit.folder / "poison_file"
    poison.touch()
    env = {
        "DSB_FAILPOINTS": f"s2.answering[POISON]=kill?{poison}",
        "DSB_MAX_ATTEMPTS": "1",
        "DSB_LEASE_TTL_S": "2",
        "DSB_JOB_ACK_WAIT_S": "3",
        "DSB_WATCH_S": "0.3",
    }
    data = kit.altered("poisoned_once", lambda number, text: f"{text} POISON" if number == 0 else text)
    own = {"s2": {"DSB_SLOTS": "1"}}  # what is in hand beside a poison question would die with it
    with kit.stack("watched", env=env, service_env=own, ready_s=600.0) as stack:
        folder = kit.run("watched", nats=stack.url, dataset__path=data)
        yield Watched(stack, folder, poison)


def scrape(stack: Stack, service: str) -> dict[str, dict[str, float]]:
    """Every sample of every metric of a service's processes, by the metric's name on the page."""
    found: dict[str, dict[str, float]] = {}
    for page in stack.pages(service):
        with urlopen(f"{page}/metrics", timeout=5) as reply:
            for family in read_plain(reply.read().decode()):
                # The parser takes `_total` off a counter's name.
                name = family.name + ("_total" if family.type == "counter" else "")
                samples = found.setdefault(name, {})
                for sample in family.samples:
                    if not sample.name.endswith("_created"):
                        key = f"{sample.name}{sorted(sample.labels.items())}"
                        samples[key] = samples.get(key, 0.0) + sample.value
    return found


def documented() -> dict[str, list[str]]:
    """The services of each metric of the page."""
    rows = re.findall(
        r"^\| `(dsb_\w+)` \| \w+ \| [^|]*\| ([^|]+) \|", (ROOT / "docs/metrics.md").read_text(), re.M
    )
    return {name: [one.strip() for one in services.split(",")] for name, services in rows}


def wait_for(condition: Any, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ps_shows_slots_the_queue_and_the_dead_letter_on_80_columns(watched: Watched) -> None:
    text = watched.said("ps", "--wait", "2")
    assert max(map(len, text.splitlines())) <= 80
    for service in ("reader", "router", "s1", "s2", "memory"):
        assert re.search(rf"^{service} ", text, re.M), text
    assert "S2 queue: 0 waiting, 0 in work" in text
    assert "dead letters: 1" in text
    seen = json.loads(watched.said("ps", "--wait", "2", "--json"))
    [s1] = [one for one in seen["workers"] if one["service"] == "s1"]
    assert s1["slots"] > 0
    assert seen["dead_letters"] == 1


async def test_ps_shows_who_holds_a_stream(watched: Watched) -> None:
    async with connected(watched.stack.url, lease_ttl_s=2) as bus:
        lease = bus.lease(subjects.OWNER_BUCKET, "somebody_0_0", holder="s1-x", ttl=2)
        assert await lease.take()
        seen = json.loads(await asyncio.to_thread(watched.said, "ps", "--json"))
        assert [(one["opening"], one["owner"], one["owner_epoch"]) for one in seen["streams"]] == [
            ("somebody_0_0", "s1-x", lease.epoch)
        ]
        await lease.release()


async def test_a_dead_letter_is_shown_and_put_back_and_answered_exactly_once(watched: Watched) -> None:
    [line] = watched.said("dlq", "list", "--json").splitlines()
    letter = json.loads(line)
    assert letter["service"] == "s2"
    assert "POISON" in watched.said("dlq", "show", str(letter["id"]))
    assert "no dead letter 999" in watched.said("dlq", "show", "999", code=2)
    bad = record(
        watched.folder, next(r.sample for r in watched.folder.records() if r.key == letter["key"]), "s2"
    )
    assert bad.status == "error"
    assert "--blind" in watched.said("dlq", "retry", str(letter["id"]), code=2)
    watched.poison.unlink()
    said = await asyncio.to_thread(watched.said, "dlq", "retry", str(letter["id"]), "--blind", "--wait", "30")
    assert "queued for S2 again" in said
    assert "\nok: " in said
    async with connected(watched.stack.url) as bus:
        where = subjects.answer(letter["opening"], letter["key"], "s2", "final")
        async with aclosing(bus.follow(subjects.ANSWERS, where, stop_at_end=True)) as stored:
            answers = [Answer.from_bytes(one.body) async for one in stored]
    assert [answer.status for answer in answers] == ["ok"]
    assert "no dead letters" in watched.said("dlq", "list")


async def test_dropping_asks_first(watched: Watched) -> None:
    async with connected(watched.stack.url) as bus:
        # What no worker can read becomes a dead letter at once.
        await bus.append(subjects.s2_job("unreadable_0_0"), b"\xc1")
    wait_for(lambda: "no dead letters" not in watched.said("dlq"))
    number = json.loads(watched.said("dlq", "list", "--json"))["id"]
    assert "can only be dropped" in watched.said("dlq", "retry", str(number), code=2)
    assert "--yes" in watched.said("dlq", "drop", str(number), code=2)
    assert "dropped 1" in watched.said("dlq", "drop", str(number), "--yes")
    assert "no dead letters" in watched.said("dlq", "list")


def test_a_histogram_names_the_trace_of_a_question_where_that_is_asked_for(watched: Watched) -> None:
    traces = {one.trace.split("-")[1] for one in watched.folder.records() if one.trace}
    [page] = watched.stack.pages("s1")
    request = Request(f"{page}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    with urlopen(request, timeout=5) as reply:
        assert "openmetrics" in reply.headers["Content-Type"]
        families = {family.name: family for family in read_open(reply.read().decode())}
    for name in ("dsb_answer_seconds", "dsb_stage_seconds", "dsb_hop_seconds"):
        named = {s.exemplar.labels["trace_id"] for s in families[name].samples if s.exemplar}
        assert named & traces, name


def test_every_documented_metric_is_there_and_moves(watched: Watched) -> None:
    stack = watched.stack
    assert stack.kill("nats")
    stack.wait_ready()
    seen: dict[str, dict[str, dict[str, float]]] = {}

    def reconnected() -> bool:
        seen.update({name: scrape(stack, name) for name in ("reader", "router", "s1", "s2", "memory")})
        return all(sum(one["dsb_bus_reconnects_total"].values()) > 0 for one in seen.values())

    wait_for(reconnected)
    wait_for(lambda: reconnected() and sum(seen["router"]["dsb_bus_consumer_resets_total"].values()) > 0)
    for name, services in documented().items():
        if name.startswith("dsb_provider_"):
            continue
        assert [one for one in services if name not in seen[one]] == [], name
        moved = sum(sum(seen[one][name].values()) for one in services) > 0
        assert moved or name in ELSEWHERE or name in IDLE, f"{name} did not move"


@pytest.mark.parametrize(("name", "file"), ELSEWHERE.items())
def test_a_metric_that_stands_still_in_a_run_is_looked_at_elsewhere(name: str, file: str) -> None:
    assert f'"{name}"' in (ROOT / "tests" / file).read_text()
    assert name in documented()

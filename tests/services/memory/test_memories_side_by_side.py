"""More than one memory service, as processes: two share a Qdrant server; the second on one folder ends at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from live_broker import Broker
from memory_kit import note
from qdrant_http import qdrant_http

from shared import subjects
from shared.bus import Bus, discover, init_topology
from shared.memory.edge import EdgeStore
from shared.messages import Done, Search, SearchReply, Upsert
from shared.settings import BusSettings

pytestmark = [pytest.mark.nats, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
START_S = 400.0


def memory(url: str, store: str) -> subprocess.Popen[str]:
    own = {"DSB_NATS_URL": url, "DSB_MEMORY_STORE": store, "OMP_NUM_THREADS": "1", "DSB_LOG_LEVEL": "error"}
    return subprocess.Popen(
        [sys.executable, "-m", "bench.cli", "serve", "memory"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **own},
        stderr=subprocess.PIPE,
        text=True,
    )


async def both_there(bus: Bus) -> None:
    async with asyncio.timeout(START_S):
        while len([one for one in await discover(bus) if one.service == "memory"]) < 2:
            await asyncio.sleep(0.5)


async def test_two_share_a_qdrant_server_and_one_is_enough(broker: Broker) -> None:
    settings = BusSettings(nats_url=broker.url)
    await init_topology(settings)
    bus = await Bus.connect(settings, name="client")
    query = Search(opening="one", text="Where was the red circle?", t_max=100.0, k=8)

    async def found() -> set[int]:
        reply = await bus.request(subjects.MEM_SEARCH, query, SearchReply, timeout=60)
        return {hit.note.seq for hit in reply.hits}

    with qdrant_http() as (store, _):
        two = [memory(broker.url, store) for _ in range(2)]
        try:
            await both_there(bus)
            for number in range(8):
                await bus.request(subjects.MEM_UPSERT, Upsert(notes=(note(number),)), Done, timeout=60)
            assert [await found() for _ in range(4)] == [set(range(8))] * 4
            served = [one.stats for one in await discover(bus, wait_s=1.0) if one.service == "memory"]
            assert sum(one["upserts"] for one in served) == 8
            two[0].send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(two[0].wait, 60) == 0
            assert await found() == set(range(8))
        finally:
            for process in two:
                process.kill()
    await bus.drain()


async def test_the_second_on_one_folder_says_who_holds_it_and_ends(broker: Broker, tmp_path: Path) -> None:
    held = EdgeStore(str(tmp_path), collection="other", dim=4)
    second = memory(broker.url, f"edge:{tmp_path}")
    _, said = await asyncio.to_thread(second.communicate, timeout=START_S)
    held.close()
    assert second.returncode == 2
    assert said.strip().splitlines() == [
        f"dsb: memory: edge store {tmp_path} is held by process {os.getpid()}: one process at a time; "
        "end it, choose another folder, or use a Qdrant server (http://…)"
    ]

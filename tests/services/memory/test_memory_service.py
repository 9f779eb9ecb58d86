"""The memory service on a real broker: requests in, replies out, and what a kill leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from memory_kit import note
from metrics_kit import growth

from bench.cli.remembering import forget_run, show_runs
from services.memory.service import Service, Settings
from shared import subjects
from shared.bus import Bus, discover
from shared.errors import ConfigError, StoreError, TransportError
from shared.memory import open_memory
from shared.messages import (
    Done,
    Forget,
    Forgotten,
    Holdings,
    HoldingsReply,
    RunNotes,
    Search,
    SearchReply,
    Upsert,
)
from shared.service import Runtime

pytestmark = pytest.mark.nats

ROOT = Path(__file__).parents[3]
START_S = 90.0
ASK = Search(opening="one", text="Where was the red circle?", t_max=100.0, k=3)


class Stack:
    """A running service and a client of its own."""

    def __init__(self, bus: Bus, rt: Runtime) -> None:
        self.bus, self.rt = bus, rt

    async def upsert(self, *notes: Any) -> None:
        await self.bus.request(subjects.MEM_UPSERT, Upsert(notes=notes), Done, timeout=20)

    async def search(self, query: Search = ASK) -> SearchReply:
        return await self.bus.request(subjects.MEM_SEARCH, query, SearchReply, timeout=20)


@asynccontextmanager
async def serving(url: str, **fields: Any) -> AsyncIterator[Stack]:
    """The service in this process, ready; stopped at the end."""
    settings = Settings(nats_url=url, **fields)
    bus, client = await Bus.connect(settings, name="memory"), await Bus.connect(settings, name="client")
    rt = Runtime(bus, "memory-1", asyncio.Event())
    task = asyncio.create_task(Service(settings).run(rt))
    try:
        async with asyncio.timeout(START_S):
            while rt.ready() and not task.done():
                await asyncio.sleep(0.02)
        if task.done():
            await task
        yield Stack(client, rt)
    finally:
        rt.stopping.set()
        await asyncio.gather(task, return_exceptions=True)
        await client.drain()
        await bus.drain()


def play(url: str, work: Callable[[Stack], Awaitable[None]], **fields: Any) -> None:
    """Run `work` against a fresh service."""

    async def run() -> None:
        async with serving(url, **{"memory_store": "memory:", **fields}) as stack:
            await work(stack)

    asyncio.run(run())


def test_a_note_is_found_as_soon_as_its_write_is_acknowledged(nats_url: str) -> None:
    async def work(stack: Stack) -> None:
        for i in range(10):
            await stack.upsert(note(i, f"the red circle number {i}"))
            reply = await stack.search(ASK.model_copy(update={"k": 20}))
            assert {hit.note.seq for hit in reply.hits} == set(range(i + 1))

    play(nats_url, work)


def test_a_search_sees_nothing_later_than_its_question(nats_url: str) -> None:
    async def work(stack: Stack) -> None:
        await stack.upsert(*(note(i) for i in range(6)))
        reply = await stack.search(ASK.model_copy(update={"t_max": 12.0, "k": 20}))
        assert [hit.note.t_end for hit in reply.hits] == [0.0, 5.0, 10.0]

    play(nats_url, work)


def test_many_writers_at_once_lose_nothing(nats_url: str) -> None:
    async def work(stack: Stack) -> None:
        await asyncio.gather(*(stack.upsert(note(i, f"text {i % 5}")) for i in range(60)))
        reply = await stack.search(ASK.model_copy(update={"t_max": 1e4, "k": 64}))
        assert sorted(hit.note.seq for hit in reply.hits) == list(range(60))

    play(nats_url, work, memory_store="edge:")


def test_requests_in_flight_are_answered_when_the_service_is_told_to_stop(nats_url: str) -> None:
    async def work(stack: Stack) -> None:
        asked = [asyncio.create_task(stack.upsert(note(i, f"text {i}"))) for i in range(20)]
        await asyncio.sleep(0.01)
        stack.rt.stopping.set()
        await asyncio.gather(*asked)

    play(nats_url, work)


def test_an_engine_that_fails_is_an_error_reply_and_the_service_goes_on(nats_url: str) -> None:
    from qdrant_http import qdrant_http

    with qdrant_http() as (url, backend):

        async def work(stack: Stack) -> None:
            await stack.upsert(note(0))
            held, backend.configs = backend.configs, {}
            with pytest.raises(TransportError, match="refused collection"):
                await stack.upsert(note(1))
            backend.configs = held
            await stack.upsert(note(1))
            assert len((await stack.search()).hits) == 2

        play(nats_url, work, memory_store=url)


def test_it_announces_what_it_serves_with(nats_url: str) -> None:
    async def work(stack: Stack) -> None:
        await stack.upsert(note(0), note(1))
        (info,) = [one for one in await discover(stack.bus) if one.service == "memory"]
        assert info.metadata["encoder"] == "minilm"
        assert info.metadata["worker"] == "memory-1"
        assert info.stats["notes"] == 2

    play(nats_url, work)


def test_it_is_not_ready_before_its_store_is_open(nats_url: str, tmp_path: Path) -> None:
    async def run() -> None:
        with open_memory(store=f"edge:{tmp_path}"), pytest.raises(StoreError, match="held by process"):
            async with serving(nats_url, memory_store=f"edge:{tmp_path}"):
                pytest.fail("it became ready")

    asyncio.run(run())


def process(url: str, folder: Path, **env: str) -> subprocess.Popen[str]:
    """The service as `dsb serve memory` runs it."""
    code = "import sys; from shared.service import main; sys.exit(main('memory'))"
    fields = {"DSB_NATS_URL": url, "DSB_MEMORY_STORE": f"edge:{folder}", "OMP_NUM_THREADS": "1", **env}
    paths = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **paths, **fields}, stderr=subprocess.PIPE, text=True
    )


async def upsert_until_acknowledged(bus: Bus, request: Upsert) -> None:
    """As clients do: the same write again until it is acknowledged."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                await bus.request(subjects.MEM_UPSERT, request, Done, timeout=5)
            except TransportError:
                await asyncio.sleep(0.1)
            else:
                return


@pytest.mark.slow
def test_a_write_repeated_after_a_kill_between_store_and_reply_is_one_note(
    nats_url: str, tmp_path: Path
) -> None:
    store, flag = tmp_path / "store", tmp_path / "killed"
    failpoint = {"DSB_FAILPOINTS": f"memory.stored_not_replied=kill!{flag}"}

    async def run() -> None:
        bus = await Bus.connect(Settings(nats_url=nats_url), name="client")
        first = process(nats_url, store, **failpoint)
        write = asyncio.create_task(upsert_until_acknowledged(bus, Upsert(notes=(note(0),))))
        assert await asyncio.to_thread(first.wait, START_S) == -signal.SIGKILL
        assert flag.exists()
        second = process(nats_url, store, **failpoint)
        await write
        second.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(second.wait, 30) == 0
        await bus.drain()

    asyncio.run(run())
    with open_memory(store=f"edge:{store}") as memory:
        assert memory.count() == 1


@pytest.mark.slow
def test_a_user_mistake_is_one_line_and_exit_code_2(nats_url: str, tmp_path: Path) -> None:
    wrong = process(nats_url, tmp_path, DSB_MEMORY_ENCODER="/no/such/model", DSB_LOG_LEVEL="error")
    _, err = wrong.communicate(timeout=START_S)
    assert wrong.returncode == 2
    assert err.strip().splitlines() == [err.strip()]
    assert "/no/such/model" in err


def test_a_run_is_listed_and_its_notes_are_removed_alone(nats_url: str) -> None:
    async def work(stack: Stack) -> None:
        await stack.upsert(note(0), note(1), note(0, opening="two", run="run-2"))
        listed = await stack.bus.request(subjects.MEM_LIST, Holdings(), HoldingsReply, timeout=20)
        assert listed == HoldingsReply(
            runs=(RunNotes(run="run-1", notes=2), RunNotes(run="run-2", notes=1)), notes=3
        )
        gone = await stack.bus.request(subjects.MEM_FORGET, Forget(run="run-1"), Forgotten, timeout=20)
        assert gone.notes == 2
        left = await stack.bus.request(subjects.MEM_LIST, Holdings(run="run-1"), HoldingsReply, timeout=20)
        assert left == HoldingsReply(notes=1)
        assert forgotten() == 2

    forgotten = growth("dsb_memory_forgotten_total", why="asked")
    play(nats_url, work, memory_store="edge:")


def test_notes_go_when_they_are_too_old(nats_url: str) -> None:
    async def work(stack: Stack) -> None:
        await stack.upsert(note(0), note(1))
        async with asyncio.timeout(30):
            while (await stack.search()).hits or forgotten() < 2:
                await asyncio.sleep(0.05)

    forgotten = growth("dsb_memory_forgotten_total", why="age")
    play(nats_url, work, memory_ttl_s=0.2, memory_sweep_s=0.1)


def test_the_command_line_shows_and_removes_runs(nats_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def work(stack: Stack) -> None:
        await stack.upsert(note(0), note(1))
        for command, run in ((show_runs, ""), (forget_run, "run-1"), (show_runs, "")):
            await asyncio.to_thread(command, nats_url, run)
        with pytest.raises(ConfigError, match="dsb memory ls"):
            await asyncio.to_thread(forget_run, nats_url, "run-1")

    play(nats_url, work)
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if "[info" not in line] == [
        "run-1  2 notes",
        "1 runs, 2 notes in all",
        "2 notes of run-1 are gone",
        "0 runs, 0 notes in all",
    ]

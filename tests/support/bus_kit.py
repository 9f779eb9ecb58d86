"""For tests of the bus: a connected `Bus` that is drained, child processes, waiting for a condition."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from shared.bus import Bus
from shared.messages import Answer, Profile, Question, RouteStamp, S2Job
from shared.messages import Path as AnswerPath
from shared.settings import BusSettings

ROOT = Path(__file__).resolve().parents[2]


def fresh_opening() -> str:
    return f"t{uuid4().hex[:12]}_0_0"


@asynccontextmanager
async def connected(url: str, **settings: object) -> AsyncIterator[Bus]:
    bus = await Bus.connect(BusSettings(nats_url=url, **settings), name="test")  # type: ignore[arg-type]
    try:
        yield bus
    finally:
        await bus.drain()


def question(opening: str, *, key: str = "k") -> Question:
    return Question(opening=opening, key=key, sample="s", t_ask=1.0, text="what?")


def job(opening: str, *, key: str = "k", attempt: int = 0) -> S2Job:
    return S2Job(
        question=question(opening, key=key),
        profile=Profile(),
        route=RouteStamp(route="rule"),
        attempt=attempt,
    )


def answer(opening: str, *, worker: str = "w", key: str = "k") -> Answer:
    return Answer(
        opening=opening,
        key=key,
        path=AnswerPath.S1,
        t_ask=1.0,
        route=RouteStamp(route="rule"),
        worker=worker,
    )


async def until(condition: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Wait until true; fails the test when it stays false."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "condition stayed false"
        await asyncio.sleep(0.02)


def child(code: str, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A Python process that runs `code` with the project importable; its output is a pipe of text lines."""
    base = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        env={**base, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

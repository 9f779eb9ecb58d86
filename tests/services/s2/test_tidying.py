"""A worker that runs for weeks hands back what it freed, between two answers."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.s2 import service
from services.s2.settings import S2Settings
from shared.tasks import end_tasks


async def test_freed_memory_is_handed_back_now_and_then_by_the_thread_of_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, twice = list[str](), threading.Event()

    def give_back() -> None:
        given.append(threading.current_thread().name)
        if len(given) == 2:
            twice.set()

    monkeypatch.setattr(service, "give_back", give_back)
    monkeypatch.setattr(service, "_TIDY_S", 0.01)
    with ThreadPoolExecutor(1, "model") as model_thread:
        tidying = asyncio.create_task(service.Service(S2Settings())._tidy(model_thread))
        assert await asyncio.to_thread(twice.wait, 20)
        await end_tasks([tidying])
    assert set(given) == {"model_0"}

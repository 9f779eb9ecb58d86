"""Fixtures for all: a broker for the session, and one of its own for a test that stops it."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from live_broker import Broker

from shared.bus import failpoints, init_topology
from shared.settings import BusSettings

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine function runs in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands and services configure the process they run in: the next test shall not inherit their level."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker with the whole topology, shared by all tests: take openings of your own."""
    broker = Broker(tmp_path_factory.mktemp("nats")).start()
    asyncio.run(init_topology(BusSettings(nats_url=broker.url, lease_ttl_s=2, frames_max_per_stream=64)))
    yield broker.url
    broker.kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A started broker without topology that the test may stop, kill and start again."""
    broker = Broker(tmp_path).start()
    yield broker
    broker.kill()


@pytest.fixture
def set_failpoints() -> Iterator[object]:
    """Call it with failpoint rules; they are forgotten after the test."""
    yield failpoints.configure
    failpoints.configure("")

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from bench.run.pulse import Pulse
from bench.run.stop import Stop, on_signals


async def test_a_stop_from_another_thread_wakes_who_waits() -> None:
    stop = Stop()
    threading.Timer(0.01, stop.set).start()
    async with asyncio.timeout(30):
        await stop.wait()
    assert stop.is_set()


async def test_a_stop_that_came_before_is_heard() -> None:
    stop = Stop()
    stop.set()
    async with asyncio.timeout(30):
        await stop.wait()


def test_the_first_signal_stops_and_the_second_interrupts() -> None:
    stop = Stop()
    with on_signals(stop):
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_only_a_run_that_stands_still_stalls() -> None:
    assert Pulse(-1.0).stalled
    assert not Pulse(3600.0).stalled

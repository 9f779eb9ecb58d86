"""A wish to stop that may come from a signal, a thread or a test, and is heard in any event loop."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Stop", "on_signals"]


class Stop:
    """Set once, by anyone; `set` may be called from a signal handler or another thread."""

    def __init__(self) -> None:
        self._set = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def set(self) -> None:
        """Ask to stop."""
        self._set = True
        for loop, event in self._waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def is_set(self) -> bool:
        """Whether it was asked."""
        return self._set

    async def wait(self) -> None:
        """Return once it is asked."""
        waiting = asyncio.get_running_loop(), asyncio.Event()
        self._waiting.append(waiting)
        if not self._set:
            await waiting[1].wait()


@contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """The first SIGINT or SIGTERM sets `stop`; the second one interrupts at once."""

    def heard(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can hear signals
        return
    saved = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)

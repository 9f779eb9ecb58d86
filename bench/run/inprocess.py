"""A service in a thread of this process, with an event loop of its own: for debuggers only.

Settings come from the environment that the process would have had; they are read under a lock, because the
environment belongs to all threads.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping

from shared.errors import ConfigError, DsbError
from shared.service import build, host

__all__ = ["Threaded"]

_ENVIRONMENT = threading.Lock()


class Threaded:
    """One service until `stop`; `check` raises what ended it."""

    def __init__(self, name: str, env: Mapping[str, str]) -> None:
        self.name = name
        with _ENVIRONMENT:
            saved = dict(os.environ)
            os.environ.update(env)
            try:
                self._service, self._settings = build(name)
            finally:
                os.environ.clear()
                os.environ.update(saved)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"service-{name}", daemon=True)

    def start(self) -> None:
        """Run the service in its thread."""
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(host(self._service, self._settings, stop=self._stop))
        except Exception as error:  # noqa: BLE001 - kept for `check`, which raises it in the caller's thread
            self._error = error

    def check(self) -> None:
        """Raise what ended the service, if anything did."""
        if isinstance(self._error, DsbError):
            raise self._error
        if self._error is not None:
            raise ConfigError(f"service {self.name} ended: {self._error!r}")

    def stop(self) -> None:
        """Ask the service to end, and wait for it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(30.0)

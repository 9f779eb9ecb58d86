"""What all services have in common: connect, say how they are, run until told to stop, drain, exit.

A service is an object with `async run(rt)`: it loads, subscribes, calls `rt.set_ready(True)`, works until
`rt.stopping` is set, then finishes what it holds and releases its leases. It is run once the broker is there and has
its streams; until then it is alive, and not ready. The order of the end is fixed here:
readiness off, the service's own stop, the broker drained, exit 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from shared import tracing
from shared.bus import Bus, lacking
from shared.errors import ConfigError, DsbError
from shared.health import HealthServer
from shared.logs import get_logger, setup
from shared.settings import ServiceSettings, describe, load, worker_name
from shared.tasks import end_tasks

__all__ = ["SERVICES", "Runtime", "Service", "host", "main"]

SERVICES = ("reader", "s1", "s2", "router", "memory")

_BEAT_S = 0.5
_BLOCKED_S = 15.0
"""A loop silent for so long is taken for dead by `/livez`."""
_LOOK_S = 0.5
"""How often streams that are not there yet are looked for."""


class Runtime:
    """What a running service is given."""

    bus: Bus
    """Connected before `run` is called."""
    worker: str
    """The name in leases, answers and logs."""
    stopping: asyncio.Event
    """Set when the service shall end."""

    def __init__(self, bus: Bus | None, worker: str, stopping: asyncio.Event) -> None:
        if bus is not None:
            self.bus = bus
        self.worker, self.stopping = worker, stopping
        self._trouble = "starting"
        self._beat = time.monotonic()

    def set_ready(self, ready: bool, reason: str = "") -> None:
        """Tell `/readyz`; `reason` says why not."""
        self._trouble = "" if ready else reason or "not ready"

    def ready(self) -> str:
        """Empty when ready, else why not."""
        if self.stopping.is_set():
            return "stopping"
        return self._trouble or ("" if self.bus.connected else "no connection to the broker")

    def live(self) -> str:
        """Empty while the event loop turns."""
        silent = time.monotonic() - self._beat
        return "" if silent < _BLOCKED_S else f"event loop blocked for {silent:.0f} s"

    async def beat(self) -> None:
        """Keep `/livez` fresh; runs until cancelled."""
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(_BEAT_S)


class Service(Protocol):
    """One of the five; `services.<name>.service` holds it as `Service`, its settings class as `Settings`."""

    NAME: ClassVar[str]

    async def run(self, rt: Runtime) -> None:
        """Work until `rt.stopping` is set, then let go of everything."""
        ...


async def host(
    service: Service, settings: ServiceSettings, *, stop: asyncio.Event | None = None, bus: Bus | None = None
) -> None:
    """Run one service to its end. With `stop` the caller owns the signals; with `bus` it owns the connection."""
    stopping = stop or asyncio.Event()
    worker = worker_name(service.NAME, settings.name)
    log = get_logger()
    if stop is None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)

    def on_closed() -> None:
        # The client never reconnects from here: end, so that the orchestrator starts a fresh process.
        if not stopping.is_set():
            log.error("bus_closed")
            os._exit(70)

    rt = Runtime(bus, worker, stopping)
    health = HealthServer(settings.health_host, settings.health_port, live=rt.live, ready=rt.ready)
    log.info("service_started", health_port=health.port, settings=describe(settings))
    beat = asyncio.create_task(rt.beat())
    try:
        if bus is not None or await _connect(rt, settings, on_closed):
            await _await_streams(rt, service.NAME)
            if not stopping.is_set():
                await service.run(rt)
    finally:
        beat.cancel()
        health.close()
        if bus is None and hasattr(rt, "bus"):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(rt.bus.drain(), settings.drain_s)
    log.info("service_stopped")


async def _connect(rt: Runtime, settings: ServiceSettings, on_closed: Callable[[], None]) -> bool:
    """Whether the broker was reached before the service was told to stop; raises `TransportError` when it never is."""
    rt.set_ready(False, "waiting for the broker")
    stop = asyncio.create_task(rt.stopping.wait())
    connect = asyncio.create_task(Bus.connect(settings, name=rt.worker, on_closed=on_closed))
    await asyncio.wait([connect, stop], return_when=asyncio.FIRST_COMPLETED)
    if not connect.done():
        await end_tasks([connect])
        return False
    await end_tasks([stop])
    rt.bus = connect.result()
    rt.set_ready(False, "starting")
    return True


async def _await_streams(rt: Runtime, role: str) -> None:
    """Wait for `dsb init`, for as long as it takes: it may be started after the services."""
    told = ""
    while not rt.stopping.is_set() and (missing := await lacking(rt.bus, role)):
        if missing != told:
            get_logger().warning("waiting_for_streams", reason=missing)
            rt.set_ready(False, told := missing)
        await asyncio.sleep(_LOOK_S)
    rt.set_ready(False, "starting")


def build(name: str, **overrides: Any) -> tuple[Service, ServiceSettings]:
    """The service of that name and its settings, from the environment."""
    if name not in SERVICES:
        raise ConfigError(f"no service {name!r}: choose one of {', '.join(SERVICES)}")
    try:
        module = importlib.import_module(f"services.{name}.service")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"service {name} needs the package {error.name!r}: pip install 'dualstreambench[{name}]'"
        ) from error
    settings: ServiceSettings = load(module.Settings, **overrides)
    service: Service = module.Service(settings)
    return service, settings


def main(name: str) -> int:
    """`dsb serve NAME`: run until SIGTERM; 0 at a graceful end, 2 for a user's mistake (one line, no traceback)."""
    try:
        service, settings = build(name)
        setup(settings.log_level, settings.log_format, service=name)
        tracing.start(name)
        asyncio.run(host(service, settings))
    except DsbError as error:
        print(f"dsb: {name}: {error}", file=sys.stderr)
        return 2
    return 0

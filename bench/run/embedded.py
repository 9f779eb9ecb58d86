"""The embedded stack: a real broker and the real services, as supervised child processes of this one.

`Stack` starts a `nats-server` on a free port with JetStream in its folder, makes the topology, starts every
service and waits until each says that it is ready. What dies is started again, on the same port and store.
All of it ends with `stop`, and with this process however that ends. The broker's state is scratch: a run's
folder is the only truth.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.run import broker
from bench.run.children import Child, Crew, child_env, tail
from bench.run.inprocess import Threaded
from shared.bus import init_topology
from shared.errors import ConfigError, DsbError, TransportError
from shared.health import probe
from shared.service import SERVICES
from shared.settings import BusSettings, load

__all__ = ["Stack", "StackSpec"]

_POLL_S = 0.05
_BROKER = "nats"
_OURS = {"jetstream", "memory"}
"""What a stack has in its store."""


@dataclass(frozen=True, kw_only=True)
class StackSpec:
    """What to start, and where."""

    folder: Path
    """Logs in `logs/`, the broker's store in `store/`; what a killed process left is removed at start."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Processes a service; 1 where nothing is said, 0 leaves it out."""
    env: Mapping[str, str] = field(default_factory=dict)
    """`DSB_…` settings of the topology and of every service."""
    service_env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """More settings by service (`s1`) or by process (`s1-2`), e.g. models and failpoints."""
    port: int = 0
    """Of the broker; 0 takes a free one."""
    in_process: bool = False
    """Run the services in threads of this process, for a debugger; the broker stays a child."""
    ready_s: float = 180.0
    """How long everything may take until it is ready."""


class Stack:
    """A running embedded stack; use it as a context manager, or call `start` and `stop`."""

    url: str
    """Of the broker, once started."""

    def __init__(self, spec: StackSpec) -> None:
        self.spec = spec
        self.url = ""
        self._crew: Crew | None = None
        self._threaded: list[Threaded] = []

    def start(self) -> Self:
        """Start all and wait until it is ready; raises the first child's own error, or what the log says."""
        self._clear_store()
        (self.spec.folder / "logs").mkdir(parents=True, exist_ok=True)
        port = broker.take_port(self.spec.port)
        self.url = f"nats://{broker.HOST}:{port}"
        self._crew = Crew()
        try:
            self._start_broker(port)
            asyncio.run(init_topology(self.bus_settings()))
            self._start_services()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def _clear_store(self) -> None:
        """Remove what a stack left that was killed; raises `ConfigError` for a folder that is somebody else's."""
        held = [path.name for path in self._store.iterdir()] if self._store.exists() else []
        if foreign := sorted(set(held) - _OURS):
            raise ConfigError(
                f"{self._store} holds {foreign[0]}, which is no stack's, and a stack removes its store: "
                "choose another folder"
            )
        shutil.rmtree(self._store, ignore_errors=True)

    def stop(self) -> None:
        """End the services, then the broker, and remove its store. Safe to call twice."""
        for threaded in self._threaded:
            threaded.stop()
        self._threaded = []
        if self._crew:
            self._crew.stop()
            self._crew = None
            shutil.rmtree(self._store, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def bus_settings(self) -> BusSettings:
        """How this process connects to the stack's broker."""
        names = {f"DSB_{name}".upper(): name for name in BusSettings.model_fields}
        mine = {names[key]: value for key, value in self.spec.env.items() if key in names}
        return load(BusSettings, **{**mine, "nats_url": self.url})

    def names(self) -> list[str]:
        """Every process by name: `nats`, `s1-1`, `s1-2`, …"""
        return [child.name for child in self._crew.children] if self._crew else []

    def pids(self, service: str) -> list[int]:
        """Process ids of a service (`s2`), one process (`s2-1`) or the broker (`nats`) that run now."""
        return [child.pid for child in self._children(service) if child.pid is not None]

    def kill(self, service: str, number: signal.Signals = signal.SIGKILL) -> list[int]:
        """Send a signal to every process of a service, or to one process; gives the ids it went to."""
        pids = self.pids(service)
        for pid in pids:
            os.kill(pid, number)
        return pids

    def starts(self, service: str) -> int:
        """How often processes of a service have been started."""
        return sum(child.starts for child in self._children(service))

    def pages(self, service: str) -> list[str]:
        """Where the processes of a service show `/livez`, `/readyz` and `/metrics`; those in threads show none."""
        urls = [child.health_url for child in self._children(service)]
        return [url.removesuffix("/readyz") for url in urls if url]

    def restart(self, service: str) -> None:
        """End the processes of a service; the supervision starts them again. Waits until all is ready."""
        before = self.starts(service)
        count = len(self.kill(service, signal.SIGTERM))
        deadline = time.monotonic() + self.spec.ready_s
        while self.starts(service) < before + count and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        self.wait_ready()

    def add(self, service: str, **env: str) -> str:
        """Start one more process of a service, with settings of its own; gives its name, at once."""
        number = 1 + sum(child.name.rsplit("-", 1)[0] == service for child in self._running.children)
        child = self._service(service, number, env)
        self._running.add(child)
        return child.name

    def wait_ready(self) -> None:
        """Block until every process is ready; raises `TransportError` with a log's tail if one is not."""
        deadline = time.monotonic() + self.spec.ready_s
        waiting = list(self._running.children)
        while waiting := [child for child in waiting if not self._is_ready(child)]:
            self._running.check()
            for threaded in self._threaded:
                threaded.check()
            if time.monotonic() > deadline:
                said = tail(waiting[0].log) or "its log is empty"
                raise TransportError(f"{waiting[0].name} is not ready after {self.spec.ready_s:g} s: {said}")
            time.sleep(_POLL_S)

    def _children(self, service: str) -> list[Child]:
        of = self._crew.children if self._crew else []
        return [child for child in of if child.name == service or child.name.rsplit("-", 1)[0] == service]

    @property
    def _running(self) -> Crew:
        if self._crew is None:
            raise DsbError("the embedded stack is not running: call start() first")
        return self._crew

    @property
    def _store(self) -> Path:
        return self.spec.folder / "store"

    def _log(self, name: str) -> Path:
        return self.spec.folder / "logs" / f"{name}.log"

    def _is_ready(self, child: Child) -> bool:
        if child.health_url:
            child.was_ready = child.was_ready or not probe(child.health_url, timeout=1.0)
            return not probe(child.health_url, timeout=1.0)
        return child.was_ready

    def _start_broker(self, port: int) -> None:
        config = self.spec.folder / "nats.json"
        broker.write_config(config, port=port, store=self._store.resolve())
        command = ["exec", str(broker.locate()), "-c", str(config.resolve())]
        child = Child(_BROKER, command, self._log(_BROKER), child_env(broker.environment()))
        self._running.add(child)
        deadline = time.monotonic() + 15.0
        while not _answers(port):
            if time.monotonic() > deadline:
                raise TransportError(f"the broker does not start on port {port}: {tail(child.log, 3)}")
            time.sleep(_POLL_S)
        child.was_ready = True

    def _start_services(self) -> None:
        for service in SERVICES:
            for number in range(1, self.spec.counts.get(service, 1) + 1):
                if self.spec.in_process:
                    self._threaded.append(Threaded(service, self._env(service, number)))
                else:
                    self._running.add(self._service(service, number, {}))
        for threaded in self._threaded:
            threaded.start()

    def _env(self, service: str, number: int) -> dict[str, str]:
        own = self.spec.service_env
        return {
            "DSB_NATS_URL": self.url,
            **self.spec.env,
            **own.get(service, {}),
            **own.get(f"{service}-{number}", {}),
        }

    def _service(self, service: str, number: int, env: Mapping[str, str]) -> Child:
        port = broker.free_port()
        full = child_env({**self._env(service, number), "DSB_HEALTH_PORT": str(port), **env})
        name = f"{service}-{number}"
        url = f"http://{broker.HOST}:{port}/readyz"
        return Child(name, ["serve", service], self._log(name), full, health_url=url)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((broker.HOST, port), 0.5) as connection:
            return connection.recv(5) == b"INFO "
    except OSError:
        return False

"""Faults on the embedded stack: signals, links that are cut, switches at failpoints, a disk that fills.

Every service reaches the broker through a link of its own, and the bench is a process as in any deployment.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from bench.chaos import room
from bench.chaos.backend import Job
from bench.chaos.disk import SmallDisk
from bench.chaos.links import Links
from bench.chaos.overlay import SMALL_DISK
from bench.chaos.plan import BENCH, BROKER, Fault, Kind
from bench.chaos.switches import Switches, environment
from bench.run import broker
from bench.run.children import child_env, tail
from bench.run.config import RunConfig
from bench.run.driver import stack_spec
from bench.run.embedded import Stack
from shared.health import probe
from shared.service import SERVICES

__all__ = ["Embedded"]

_PROBE_S = 0.25
_READY_S = 600.0
"""A busy machine may take long to load the models."""


class Embedded:
    """A stack in `folder` that serves runs of `config`."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        counts: Mapping[str, int] | None = None,
        small_disk: bool = False,
    ) -> None:
        """`small_disk`: the broker's store is on one that can be filled."""
        self._config, self._folder = config, folder
        self._env = {**(SMALL_DISK if small_disk else {}), **(env or {})}
        self._counts, self._small = dict(counts or {}), small_disk
        self._disk: SmallDisk | None = None
        self._bench: subprocess.Popen[bytes] | None = None
        self._job: Job | None = None
        self._starts: dict[str, int] = {}
        self._armed: dict[str, int] = {}

    def __enter__(self) -> Self:
        folder = self._folder
        if self._small:
            self._disk = SmallDisk(folder / "store" / "jetstream")
        self._switches = Switches(folder / "switches")
        port = broker.free_port()
        self._links = Links((*SERVICES, BENCH), broker=port)
        try:
            own = {name: self._service_env(name) for name in SERVICES}
            spec = stack_spec(
                self._config,
                folder,
                env=self._env,
                service_env=own,
                port=port,
                counts=self._counts,
                ready_s=_READY_S,
            )
            self._stack = Stack(spec).start()
        except BaseException:
            self._links.close()
            if self._disk:
                self._disk.close()
            raise
        self._watch, self._held = os.pipe()
        return self

    def __exit__(self, *args: object) -> None:
        self.abandon()
        os.close(self._held)
        os.close(self._watch)
        self._stack.stop()
        self._links.close()
        if self._disk:
            self._disk.close()

    def _service_env(self, name: str) -> dict[str, str]:
        return {"DSB_NATS_URL": self._links.url(name), **environment(self._switches.folder, name)}

    def refusal(self, fault: Fault) -> str:
        """Why this fault can not be had here; empty when it can."""
        if fault.kind is Kind.DISK_FULL and fault.target == BROKER and not self._small:
            return "the broker's store is on no small disk here: give the plan a stack of its own"
        if fault.kind is Kind.DISK_FULL and fault.target == BENCH and platform.system() != "Linux":
            return "a full run folder can be had on Linux only: leave disk-full of bench out of the plan"
        if fault.kind in (Kind.CLOCK_JUMP, Kind.CUT) and fault.target != fault.service:
            return f"{fault.kind} hits all of {fault.service}: leave the number in {fault.target!r} out"
        number = fault.target.removeprefix(f"{fault.service}-")
        if number.isdigit() and not 1 <= int(number) <= self._counts.get(fault.service, 1):
            return f"there is no {fault.target}: `counts` says how many processes a service has"
        return ""

    def play(self, job: Job, *, resume: bool) -> None:
        """Begin the run as `dsb run` in a child process."""
        self._job = job
        go_on = ["--resume", str(job.folder)] if resume else [str(job.config), "--name", job.name]
        words = ["run", *go_on, "--out", str(job.out), "--nats", self._links.url(BENCH)]
        python = [sys.executable, "-P", "-m"]
        # It ends with this process, like the services do.
        command = [*python, "bench.run.child", str(self._watch), "exec", *python, "bench.cli", *words]
        own = environment(self._switches.folder, BENCH)
        with self._log.open("ab") as out:
            self._bench = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=child_env({**self._env, **own}),
                pass_fds=(self._watch,),
                start_new_session=True,
            )

    @property
    def _log(self) -> Path:
        return self._folder / "logs" / "bench.log"

    def ended(self) -> int | None:
        """The exit code of the bench; null while it runs."""
        return self._bench.poll() if self._bench else 0

    def abandon(self) -> None:
        """Kill the bench."""
        if self._bench and self._bench.poll() is None:
            self._bench.kill()
            self._bench.wait()

    def said(self) -> str:
        """The last lines that the bench printed."""
        return tail(self._log, 3)

    def arm(self, fault: Fault) -> None:
        """Switch the failpoint on."""
        if fault.target != BENCH:
            self._armed[fault.at] = self._stack.starts(fault.target)
        self._switches.on(fault)

    def sprung(self, fault: Fault) -> bool:
        """Whether somebody was hit there."""
        if not self._switches.acted(fault):
            return False
        if fault.kind is Kind.KILL and fault.target != BENCH:
            self._starts[fault.target] = self._armed[fault.at] + 1
        return True

    def strike(self, fault: Fault) -> bool:
        """Begin the fault; whether there was anybody to be hit."""
        target = fault.target
        match fault.kind:
            case Kind.KILL:
                return self._end(target, signal.SIGKILL)
            case Kind.BROKER_RESTART:
                return self._end(target, signal.SIGTERM)
            case Kind.PAUSE:
                return bool(self._signal(target, signal.SIGSTOP))
            case Kind.CUT:
                self._links.cut(target, abrupt=fault.abrupt)
            case Kind.CLOCK_JUMP | Kind.SLOW_S2:
                self._switches.on(fault)
            case Kind.DISK_FULL:
                self._fill(target)
        return True

    def lift(self, fault: Fault) -> None:
        """End the fault, or switch its failpoint off."""
        target = fault.target
        if fault.at:
            self._switches.off(fault)
        match fault.kind:
            case Kind.PAUSE:
                self._signal(target, signal.SIGCONT)
            case Kind.CUT:
                self._links.mend(target)
            case Kind.CLOCK_JUMP | Kind.SLOW_S2:
                self._switches.off(fault)
            case Kind.DISK_FULL:
                self._free(target)
            case Kind.KILL | Kind.BROKER_RESTART:
                pass

    def ready(self, target: str = "") -> bool:
        """Whether the target (empty: everything) was started again and says that it is ready."""
        if target == BENCH:
            return self.ended() is None
        wanted = [target] if target and target != BROKER else [BROKER, *SERVICES]
        return all(self._is_up(name) for name in wanted)

    def _is_up(self, name: str) -> bool:
        if self._stack.starts(name) < self._starts.get(name, 0):
            return False
        if name == BROKER:
            return _listens(self._stack.url)
        return all(not probe(f"{page}/readyz", timeout=_PROBE_S) for page in self._stack.pages(name))

    def _end(self, target: str, number: signal.Signals) -> bool:
        """Have processes end that are then started again: ready is who has been started so often."""
        before = 0 if target == BENCH else self._stack.starts(target)
        hit = self._signal(target, number)
        if target != BENCH:
            self._starts[target] = before + len(hit)
        return bool(hit)

    def _signal(self, target: str, number: signal.Signals) -> list[int]:
        if target != BENCH:
            return self._stack.kill(target, number)
        if self._bench is None or self._bench.poll() is not None:
            return []
        self._bench.send_signal(number)
        return [self._bench.pid]

    def _fill(self, target: str) -> None:
        if target == BROKER:
            assert self._disk is not None
            self._disk.fill()
        elif self._bench and self._job:
            room.take([self._bench.pid], self._job.folder / "records.jsonl")

    def _free(self, target: str) -> None:
        if target == BROKER and self._disk:
            self._disk.free()
            # A broker that met a full disk serves no stream until it is started again.
            self._end(target, signal.SIGTERM)
        elif target == BENCH and self._bench and self._bench.poll() is None:
            room.free([self._bench.pid])


def _listens(url: str) -> bool:
    host, _, port = url.removeprefix("nats://").partition(":")
    try:
        with socket.create_connection((host, int(port)), _PROBE_S) as connection:
            return connection.recv(5) == b"INFO "
    except OSError:
        return False

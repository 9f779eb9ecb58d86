"""Faults on the embedded stack: signals, links that are cut, switches at failpoints, a disk that fills.

Every service reaches the broker through a link of its own, and the bench is a process as in any deployment.
"""

from __future__ import annotations

import os
import platform
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from bench.chaos.backend import Job
from bench.chaos.disk import SmallDisk
from bench.chaos.gaps import BENCH_GAPS, SERVICE_GAPS, Action, Switches
from bench.chaos.links import Links
from bench.chaos.plan import BENCH, BROKER, Fault, Kind
from bench.run import broker
from bench.run.children import child_env, tail
from bench.run.config import RunConfig
from bench.run.driver import stack_spec
from bench.run.embedded import Stack
from shared.health import probe
from shared.service import SERVICES

__all__ = ["Embedded"]

_ACTIONS: tuple[Action, ...] = ("kill", "pause")
_PROBE_S = 0.25
_READY_S = 600.0
"""A busy machine may take long to load the models."""
_ON_SMALL_DISK = {"DSB_FRAMES_MAX_BYTES": "64000000"}
"""What a stream may reserve there."""
_ROOM = 64
"""Bytes that the run folder still has when it is made full: less than a record."""


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
        slow_ms: int = 400,
    ) -> None:
        """`small_disk`: the broker's store is on one that can be filled. `slow_ms`: of each answer of a slow S2."""
        self._config, self._folder, self._slow_ms = config, folder, slow_ms
        self._env = {**(_ON_SMALL_DISK if small_disk else {}), **(env or {})}
        self._counts, self._small = dict(counts or {}), small_disk
        self._disk: SmallDisk | None = None
        self._bench: subprocess.Popen[bytes] | None = None
        self._job: Job | None = None
        self._starts: dict[str, int] = {}

    def __enter__(self) -> Self:
        folder = self._folder
        if self._small:
            self._disk = SmallDisk(folder / "store" / "jetstream")
        self._switches = Switches(folder / "switches", SERVICE_GAPS + BENCH_GAPS, actions=_ACTIONS)
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
        slow = f"s2.answering=sleep:{self._slow_ms}?{self._slow_file}"
        return {
            "DSB_NATS_URL": self._links.url(name),
            "DSB_FAILPOINTS": f"{self._switches.rules()};{slow}",
            "DSB_CLOCK_FILE": str(self._clock(name)),
        }

    @property
    def _slow_file(self) -> Path:
        return self._folder / "switches" / "slow-s2"

    def _clock(self, service: str) -> Path:
        return self._folder / "switches" / f"clock-{service}"

    def refusal(self, fault: Fault) -> str:
        """Why this fault can not be had here; empty when it can."""
        if fault.kind is Kind.DISK_FULL and fault.target == BROKER and not self._small:
            return "the broker's store is on no small disk here: give the plan a stack of its own"
        if fault.kind is Kind.DISK_FULL and fault.target == BENCH and platform.system() != "Linux":
            return "a full run folder can be had on Linux only: leave disk-full of bench out of the plan"
        if fault.kind in (Kind.CLOCK_JUMP, Kind.CUT) and fault.target != fault.service:
            return f"{fault.kind} hits all of {fault.service}: leave the number in {fault.target!r} out"
        return ""

    def play(self, job: Job, *, resume: bool) -> None:
        """Begin the run as `dsb run` in a child process."""
        self._job = job
        go_on = ["--resume", str(job.folder)] if resume else [str(job.config), "--name", job.name]
        words = ["run", *go_on, "--out", str(job.out), "--nats", self._links.url(BENCH)]
        python = [sys.executable, "-P", "-m"]
        # It ends with this process, like the services do.
        command = [*python, "bench.run.child", str(self._watch), "exec", *python, "bench.cli", *words]
        rules = self._switches.rules()
        with self._log.open("ab") as out:
            self._bench = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=child_env({**self._env, "DSB_FAILPOINTS": rules}),
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

    def _action(self, fault: Fault) -> Action:
        return "kill" if fault.kind is Kind.KILL else "pause"

    def arm(self, fault: Fault) -> None:
        """Switch the failpoint on."""
        self._note_starts(fault.target, 1 if fault.kind is Kind.KILL else 0)
        self._switches.arm(fault.at, self._action(fault))

    def sprung(self, fault: Fault) -> bool:
        """Whether somebody was hit there."""
        return self._switches.sprung(fault.at, self._action(fault))

    def strike(self, fault: Fault) -> None:
        """Begin the fault."""
        target = fault.target
        match fault.kind:
            case Kind.KILL:
                self._note_starts(target, len(self._signal(target, signal.SIGKILL)))
            case Kind.PAUSE:
                self._signal(target, signal.SIGSTOP)
            case Kind.CUT:
                self._links.cut(target, abrupt=fault.abrupt)
            case Kind.BROKER_RESTART:
                self._note_starts(target, len(self._signal(target, signal.SIGTERM)))
            case Kind.CLOCK_JUMP:
                self._clock(target).write_text(f"{fault.by_s}", encoding="ascii")
            case Kind.SLOW_S2:
                self._slow_file.touch()
            case Kind.DISK_FULL:
                self._fill(target)

    def lift(self, fault: Fault) -> None:
        """End the fault, or switch its failpoint off."""
        target = fault.target
        if fault.at:
            self._switches.disarm(fault.at, self._action(fault))
        match fault.kind:
            case Kind.PAUSE:
                self._signal(target, signal.SIGCONT)
            case Kind.CUT:
                self._links.mend(target)
            case Kind.CLOCK_JUMP:
                self._clock(target).unlink(missing_ok=True)
            case Kind.SLOW_S2:
                self._slow_file.unlink(missing_ok=True)
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

    def _note_starts(self, target: str, more: int) -> None:
        """Ready is who has been started so often."""
        if target != BENCH:
            self._starts[target] = self._stack.starts(target) + more

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
            records = self._job.folder / "records.jsonl"
            most = (records.stat().st_size if records.exists() else 0) + _ROOM
            resource.prlimit(self._bench.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def _free(self, target: str) -> None:
        if target == BROKER and self._disk:
            self._disk.free()
            # A broker that met a full disk serves no stream until it is started again.
            self._note_starts(target, len(self._signal(target, signal.SIGTERM)))
        elif target == BENCH and self._bench and self._bench.poll() is None:
            free = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(self._bench.pid, resource.RLIMIT_FSIZE, free)


def _listens(url: str) -> bool:
    host, _, port = url.removeprefix("nats://").partition(":")
    try:
        with socket.create_connection((host, int(port)), _PROBE_S) as connection:
            return connection.recv(5) == b"INFO "
    except OSError:
        return False

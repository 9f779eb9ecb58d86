"""Child processes that are started, watched and started again, with backoff, by the one thread that owns
them.

All children of a `Crew` are spawned from its thread: Linux sends the death signal of a child when the
thread that spawned it ends, so that thread has to outlive them. Every child's output is appended to a log
file of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import ConfigError
from shared.logs import get_logger

__all__ = ["Child", "Crew", "child_env", "tail"]

_BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
_STEADY_S = 10.0
"""A child that lived so long starts its backoff anew."""
_USER_MISTAKE = 2


def tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error message; empty when there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, lines)).strip()
    except OSError:
        return ""


def child_env(extra: Mapping[str, str]) -> dict[str, str]:
    """Our own environment plus `extra`; the child imports the same packages as we do."""
    env = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", **os.environ, **extra}
    root = str(Path(__file__).resolve().parents[2])
    if root != sysconfig.get_path("purelib"):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [root, env.get("PYTHONPATH", "")]))
    return env


@dataclass
class Child:
    """One process that shall run as long as its crew does."""

    name: str
    command: Sequence[str]
    """What follows `bench.run.child FD`: `serve NAME` or `exec PROGRAM ARG…`."""
    log: Path
    env: Mapping[str, str]
    health_url: str = ""
    """Where it says that it is ready; empty when it has no such page."""
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    was_ready: bool = False
    mistake: str = ""
    """Its last words, when it ended with exit code 2 before it was ever ready: no use to start it again."""
    _fails: int = 0
    _since: float = 0.0
    _next: float = field(default=0.0)

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        process = self.process  # the crew's thread may take it away
        return process.pid if process and process.poll() is None else None

    def spawn(self, watch: int) -> None:
        """Start it; `watch` is the read end of the crew's pipe."""
        self.starts += 1
        self._since = time.monotonic()
        # -P keeps a foreign `bench/` of the working folder out of the child's path.
        argv = [sys.executable, "-P", "-m", "bench.run.child", str(watch), *self.command]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(self.env),
                pass_fds=(watch,),
                start_new_session=True,  # Ctrl-C at the terminal is the bench's to handle
            )

    def tend(self, watch: int) -> None:
        """Start it, or start it again when it has ended and its backoff is over."""
        if self.mistake or self.pid is not None:
            return
        now = time.monotonic()
        if self.process is not None:
            self._mourn(self.process.returncode, now)
        if not self.mistake and now >= self._next:
            self.spawn(watch)

    def _mourn(self, code: int, now: float) -> None:
        self.process = None
        if code == _USER_MISTAKE and not self.was_ready:
            self.mistake = tail(self.log, 1) or f"{self.name} ended with exit code 2"
            return
        self._fails = 1 if now - self._since > _STEADY_S else self._fails + 1
        self._next = now + _BACKOFF_S[min(self._fails, len(_BACKOFF_S)) - 1]
        get_logger().warning("child_ended", child=self.name, code=code, again_in_s=round(self._next - now, 2))


class Crew:
    """Keeps its children running until `stop`; `add` may be called at any time, from any thread."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._tend, name="crew", daemon=True)
        self._thread.start()

    def add(self, child: Child) -> None:
        """Have it started by the crew's thread, soon."""
        with self._lock:
            self.children.append(child)

    def _tend(self) -> None:
        while not self._over.wait(0.05):
            with self._lock:
                for child in self.children:
                    child.tend(self._read)
        self._end_all()

    def _end_all(self) -> None:
        # Last started, first ended: services drain while the broker is still there.
        for child in reversed(self.children):
            if child.command[0] == "serve" and child.process and child.pid:
                child.process.send_signal(signal.SIGTERM)
                child.process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + self._grace
        for child in reversed(self.children):
            if child.process and child.command[0] != "serve" and child.pid:
                child.process.send_signal(signal.SIGTERM)
            if child.process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(0.1, deadline - time.monotonic()))
                if child.pid:
                    child.process.kill()
                    child.process.wait()

    _grace = 10.0

    def stop(self, grace_s: float = 10.0) -> None:
        """End every child: politely, then after `grace_s` seconds by force. Safe to call twice."""
        if self._over.is_set():
            return
        self._grace = grace_s
        self._over.set()
        self._thread.join()
        os.close(self._write)
        os.close(self._read)

    def check(self) -> None:
        """Raise `ConfigError` with its own words when a child gave up."""
        for child in self.children:
            if child.mistake:
                raise ConfigError(child.mistake.removeprefix("dsb: "))

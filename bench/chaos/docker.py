"""Calls of the `docker` command, and a crash that an engine takes for one."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping

from shared.errors import ConfigError

__all__ = ["crash", "docker", "engine_trouble"]

_TIMEOUT_S = 120.0


def engine_trouble() -> str:
    """Empty when a Docker engine with compose answers, else why not."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{' '.join(command)}: {error}"
        if ended.returncode:
            return f"{' '.join(command)}: {ended.stderr.strip().splitlines()[-1:]}"
    return ""


def docker(*args: str, timeout: float = _TIMEOUT_S, env: Mapping[str, str] | None = None) -> str:
    """What it prints; raises `ConfigError` with its own words when it fails."""
    try:
        ended = subprocess.run(["docker", *args], capture_output=True, text=True, timeout=timeout, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"docker {' '.join(args[:2])}: {error}; is a Docker engine running?") from error
    if ended.returncode:
        said = " ".join(ended.stderr.split())[-300:]
        raise ConfigError(f"docker {' '.join(args[:2])} failed: {said}")
    return ended.stdout.strip()


def crash(container: str) -> None:
    """Kill its process from outside: the engine takes that for a crash, and `docker kill` for a stop by hand."""
    pid = int(docker("inspect", "-f", "{{.State.Pid}}", container))
    try:
        os.kill(pid, signal.SIGKILL)
    except (PermissionError, ProcessLookupError):
        # Another user's or another machine's engine: stopped by hand and started again is what is left.
        docker("kill", container)
        docker("start", container)

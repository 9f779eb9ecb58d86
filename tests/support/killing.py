"""Plays an offline run that is killed again and again, by SIGKILL, in the middle of what it writes.

    python killing.py RUN.yaml KILLS SEED SIZE

Each play is a child of this process, which has loaded the models and run nothing: so forking is safe, and quick.
`SIZE` is about how many bytes a whole run writes. Prints how many children were killed; the run is complete then.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import cache
from pathlib import Path
from typing import Any

import shared.memory.memory as memory
from bench.run import folder as folders
from bench.run import serial
from bench.run.config import RunConfig, load_config
from bench.run.driver import play, prepare
from bench.run.folder import RunFolder


def main(path: str, kills: int, seed: int, size: int) -> int:
    """Kill `kills` times, then play to the end; gives how many children were killed."""
    config, rng = load_config(path), random.Random(seed)
    _load(config)
    killed = sum(_killed(config, rng.randrange(1, size // 3)) for _ in range(kills))
    assert not _killed(config, None)
    return killed


def _load(config: RunConfig) -> None:
    """Load once, for all children, what each would load for itself."""
    serial.load_vlm = cache(serial.load_vlm)
    memory.load_encoder = cache(memory.load_encoder)
    serial.load_vlm(config.model.s1)
    serial.load_vlm(config.model.s2)
    memory.open_memory(store="memory:", encoder=config.memory.encoder)


def _killed(config: RunConfig, after: int | None) -> bool:
    child = os.fork()
    if child == 0:
        if after is not None:
            folders.os = _Dying(after)  # type: ignore[assignment]
        play(prepare(config, resume=_begun(config)))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"the run ended with {status}"
    return status == signal.SIGKILL


def _begun(config: RunConfig) -> RunFolder | None:
    place = Path(config.output.dir) / config.output.name
    return RunFolder.open(place) if (place / "manifest.json").exists() else None


class _Dying:
    """`os`, but for the write that reaches byte `after`: it is cut there, and so is the process."""

    def __init__(self, after: int) -> None:
        self._left = after

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pwrite(self, fd: int, body: bytes, offset: int) -> int:
        if len(body) < self._left:
            self._left -= len(body)
            return os.pwrite(fd, body, offset)
        os.pwrite(fd, body[: self._left], offset)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1], *map(int, sys.argv[2:5]))}\n")

"""No room for a run folder: a process may write no file beyond some length, as if the disk were full.

`python -m bench.chaos.room FILE` limits all other processes of its user to what FILE has by now and a little more,
`python -m bench.chaos.room` takes that back: so a bench in a container is met from inside.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["free", "take"]

_LEFT = 64
"""Bytes: less than a record."""


def take(pids: Iterable[int], file: Path) -> None:
    """Leave these processes no room for another record in `file`."""
    size = file.stat().st_size if file.exists() else 0
    _limit(pids, size + _LEFT)


def free(pids: Iterable[int]) -> None:
    """Let them write again."""
    _limit(pids, resource.RLIM_INFINITY)


def _limit(pids: Iterable[int], size: int) -> None:
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _others() -> list[int]:
    """Processes of this user in this container, but for this one."""
    found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in found if pid != os.getpid() and os.stat(f"/proc/{pid}").st_uid == os.getuid()]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        take(_others(), Path(sys.argv[1]))
    else:
        free(_others())

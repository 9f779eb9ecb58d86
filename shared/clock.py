"""The clocks of a process: the wall's, in unix seconds, and one that nobody can set.

Where `DSB_CLOCK_FILE` names a file, the seconds in it are added to the wall's: a fault harness lets the clock of one
process jump so. Intervals are never measured by it, but by `time.monotonic`, or by `elapsed` where sleep counts.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

__all__ = ["elapsed", "wall"]

# Suspended machines must count their sleep; elsewhere than on Linux this clock is the best there is.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since some moment before this process began; goes on while the machine sleeps, and never jumps."""
    return time.clock_gettime(_CLOCK)


def wall() -> float:
    """Now, in unix seconds."""
    file = os.environ.get("DSB_CLOCK_FILE")
    return time.time() + (_offset_s(file) if file else 0.0)


def _offset_s(file: str) -> float:
    with contextlib.suppress(OSError, ValueError):
        return float(Path(file).read_text(encoding="ascii"))
    return 0.0

"""The wall clock, as services read it: unix seconds.

Where `DSB_CLOCK_FILE` names a file, the seconds in it are added: a fault harness lets the clock of one process jump
so. Intervals are never measured by this clock, but by `time.monotonic`.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

__all__ = ["wall"]


def wall() -> float:
    """Now, in unix seconds."""
    file = os.environ.get("DSB_CLOCK_FILE")
    return time.time() + (_offset_s(file) if file else 0.0)


def _offset_s(file: str) -> float:
    with contextlib.suppress(OSError, ValueError):
        return float(Path(file).read_text(encoding="ascii"))
    return 0.0

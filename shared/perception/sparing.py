"""Out of memory: one more try with the newer half of the frames, never a crash. A second failure is recorded."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence

from shared.errors import OutOfMemory
from shared.messages import Draft
from shared.vlm import Unit

__all__ = ["OOM_RETRY", "spare"]

OOM_RETRY = "oom_retry"
"""Stands in `Draft.partial` when half of the window was left out for want of memory."""


def spare(
    answered: Callable[[Sequence[Unit]], Draft], units: Sequence[Unit]
) -> tuple[Draft, Sequence[Unit], str]:
    """The draft, the units that it saw, and `OOM_RETRY` or nothing; raises `OutOfMemory` when half is too much, too.

    With fewer than two units there is nothing to halve: the first failure is raised.
    """
    try:
        return answered(units), units, ""
    except OutOfMemory:
        if len(units) < 2:
            raise
    # Out here, since the exception holds the frames of the failed call, and with them its tensors.
    gc.collect()
    newer = units[-(len(units) // 2) :]
    return answered(newer), newer, OOM_RETRY

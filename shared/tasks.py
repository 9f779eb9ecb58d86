"""Ending tasks for certain.

On Python 3.11 `asyncio.wait_for`, which the broker's client uses throughout, swallows a cancellation that comes in the
very moment in which its result does. A task cancelled once may then live on, and who waits for it waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

__all__ = ["end_tasks"]

_AGAIN_S = 1.0


async def end_tasks(tasks: Iterable[asyncio.Future[Any]], *, again_s: float = _AGAIN_S) -> None:
    """Cancel every task, and again every `again_s` seconds, until it has ended; its error is left to be looked at.

    Give tasks that have much to tidy up a longer `again_s`: a second cancellation cuts that short.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_s)

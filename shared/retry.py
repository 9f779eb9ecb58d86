"""Repeating a request that may fail for a while: every hop is idempotent by key, so asking again is always safe."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.errors import TransportError
from shared.logs import get_logger
from shared.telemetry import counter

__all__ = ["persist"]

T = TypeVar("T")

_RETRIES = counter(
    "retries_total", "Requests to the broker or a service that failed, and were tried again or given up"
)
_FIRST_S, _LONGEST_S = 0.1, 2.0


async def persist(
    call: Callable[[], Awaitable[T]],
    *,
    what: str,
    within_s: float | None = None,
    while_: Callable[[], bool] = lambda: True,
) -> T:
    """The result of `call`, repeated through `TransportError` with growing pauses.

    The last error is raised once `within_s` wall-clock seconds have passed (null: never) or `while_()` is false.
    """
    started, pause = time.monotonic(), _FIRST_S
    while True:
        try:
            return await call()
        except TransportError as error:
            _RETRIES.inc()
            waited = time.monotonic() - started
            if not while_() or (within_s is not None and waited >= within_s):
                raise
            if waited > _LONGEST_S:
                get_logger().warning("retrying", what=what, waited_s=round(waited, 1), error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_S)

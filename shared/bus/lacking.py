"""What `dsb init` has still to make before a process can begin; processes and `dsb init` may start in any order.

Each role asks for what its rights at the broker allow, and of that for what is made last.
"""

from __future__ import annotations

from contextlib import aclosing

from shared import subjects
from shared.bus.bus import Bus
from shared.bus.queue import CONSUMER
from shared.errors import TransportError

__all__ = ["lacking"]

_BUCKETS = {"reader": subjects.READER_BUCKET, "router": subjects.OWNER_BUCKET, "s1": subjects.OWNER_BUCKET}
_NOBODY = "none"


async def lacking(bus: Bus, role: str) -> str:
    """Empty when all is there that `role` (a service, or `bench`) needs, else what the broker said."""
    try:
        if role in _BUCKETS:
            await bus.lease_holder(_BUCKETS[role], _NOBODY)
        elif role == "s2":
            answer = await bus.connection.api(f"CONSUMER.INFO.{subjects.S2_JOBS}.{CONSUMER}")
            return "" if "error" not in answer else f"no queue {subjects.S2_JOBS}: run `dsb init`"
        elif role == "bench":
            stored = bus.follow(subjects.DLQ, subjects.dlq(_NOBODY), stop_at_end=True)
            async with aclosing(stored) as letters:
                async for _ in letters:
                    pass
    except TransportError as error:
        return str(error)
    return ""

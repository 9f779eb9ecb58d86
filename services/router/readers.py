"""Readers for kept streams: those that no bench asks for again and again, since they were added at run time.

The router, who knows every opening from the event log, asks in the bench's place: the holder hears that the stream is
wanted still, and when there is none any reader with a free slot takes it.
"""

from __future__ import annotations

import contextlib

from shared import subjects
from shared.bus import Bus
from shared.errors import BusTimeout, DataError, NoResponders, TransportError
from shared.messages import Open, OpenReply
from shared.telemetry import counter

__all__ = ["keep_read"]

_TAKEN = counter("reader_takeovers_total", "Kept streams for which the router found a reader anew")
_HOLDER_S = 2.0


async def keep_read(bus: Bus, opened: Open) -> None:
    """See that a kept opening has a reader; if none has room, the next call tries again."""
    with contextlib.suppress(TransportError, DataError):
        try:
            holder = subjects.reader_ctl(f"open.{opened.opening}")
            await bus.request(holder, opened, OpenReply, timeout=_HOLDER_S)
        except (NoResponders, BusTimeout):
            # A frozen holder is silent; once its lease ends, another may take over.
            reply = await bus.request(subjects.reader_ctl("open"), opened, OpenReply)
            if reply.accepted and not reply.reason:
                _TAKEN.inc()

"""Capacity mode: the bench grants stream time, and goes on when every question that is due is final.

So an answer never depends on how fast anything is. A full queue or no free owner means wait; only a run in
which nothing moves at all times out.
"""

from __future__ import annotations

import asyncio
import contextlib

from bench.data import AskedQuestion
from bench.run.asking import Asking
from bench.run.plan import by_time
from bench.run.pulse import Pulse
from bench.run.session import Session
from shared import subjects
from shared.errors import TransportError
from shared.messages import Grant, Status

__all__ = ["play_capacity", "reach"]

_REPEAT_S = (0.1, 0.25, 0.5, 1.0)
"""Pauses between two sendings of a grant, wall clock; the last one stays."""


async def play_capacity(session: Session, asking: Asking, items: list[AskedQuestion], pulse: Pulse) -> None:
    """Play one opening up to its last question; every question has its finals when this returns."""
    for due in by_time(items):
        why = await reach(session, due.t, pulse)
        if why is None:
            await asyncio.gather(*(_ask(session, asking, item.key, pulse) for item in due.questions))
            continue
        for item in due.questions:
            asking.fail(item.key, *why)


async def reach(session: Session, t: float, pulse: Pulse) -> tuple[Status, str] | None:
    """Grant `t` until the owner has consumed all up to it; else how its questions end."""
    message, sent = Grant(opening=session.opened.opening, t=t), 0
    while session.watermark < t:
        if session.breaks(t):
            return Status.ERROR, session.broken.text if session.broken else ""
        if pulse.stalled:
            return (
                Status.TIMEOUT,
                f"stream time {t:g} s was not reached: nothing moved for {pulse.still_s:.0f} s",
            )
        with contextlib.suppress(TransportError):
            await session.bus.publish(subjects.grant(session.opened.opening), message)
        await session.wait_change(_REPEAT_S[min(sent, len(_REPEAT_S) - 1)])
        sent += 1
    if session.breaks(t):
        return Status.ERROR, session.broken.text if session.broken else ""
    return None


async def _ask(session: Session, asking: Asking, key: str, pulse: Pulse) -> None:
    def over() -> str:
        return f"no answer: nothing moved for {pulse.still_s:.0f} s" if pulse.stalled else ""

    if why := await asking.ask(session, key, over):
        asking.fail(key, Status.TIMEOUT, why)

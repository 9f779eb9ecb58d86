"""Live mode: the reader keeps to the wall clock, and each question is asked when its time has come.

Asks are timed by this process's clock from the moment the bench heard that the stream started; the stream
time of an answer comes from the broker's timestamps of the start and of the answer.
"""

from __future__ import annotations

import asyncio
import time

from bench.data import AskedQuestion
from bench.run.asking import Asking
from bench.run.pulse import Pulse
from bench.run.session import Final, Session
from shared.messages import Status

__all__ = ["emitted", "play_live"]

_LOOK_S = 0.5


def emitted(session: Session, final: Final) -> float | None:
    """Stream time at which an answer was there."""
    started = session.started
    return max(0.0, final.at.broker - started.broker) if started else None


async def play_live(
    session: Session, asking: Asking, items: list[AskedQuestion], pulse: Pulse, *, answer_s: float
) -> None:
    """Play one opening; an answer that takes longer than `answer_s` wall-clock seconds is a timeout."""
    while session.started is None and session.broken is None and not pulse.stalled:
        await session.wait_change(_LOOK_S)
    if session.started is None:
        status = Status.ERROR if session.broken else Status.TIMEOUT
        error = (
            session.broken.text
            if session.broken
            else f"the stream did not start within {pulse.still_s:.0f} s"
        )
        for item in items:
            asking.fail(item.key, status, error)
        return
    start = session.started.here
    await asyncio.gather(*(_ask_at(session, asking, item, pulse, start, answer_s) for item in items))


async def _ask_at(
    session: Session, asking: Asking, item: AskedQuestion, pulse: Pulse, start: float, answer_s: float
) -> None:
    await asyncio.sleep(max(0.0, start + item.ask_s - time.monotonic()))
    pulse.beat()  # time passing is progress here
    if session.breaks(item.ask_s):
        asking.fail(item.key, Status.ERROR, session.broken.text if session.broken else "")
        return
    deadline = time.monotonic() + answer_s

    def over() -> str:
        return f"no answer within {answer_s:g} s" if time.monotonic() > deadline else ""

    if why := await asking.ask(session, item.key, over):
        asking.fail(item.key, Status.TIMEOUT, why)

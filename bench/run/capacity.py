"""Capacity mode: the bench grants stream time, and goes on when all that is due is answered.

Ask times, the ticks of standing questions and polls are all granted, so an answer never depends on how fast
anything is. A full queue or no free owner means wait; only a run in which nothing moves at all times out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from bench.data import AskedQuestion
from bench.data.ask import steps
from bench.run.asking import Asking, Over
from bench.run.plan import Step, moments
from bench.run.pulse import Pulse
from bench.run.session import Session
from shared import subjects
from shared.errors import TransportError
from shared.messages import Grant, Status

__all__ = ["play_capacity", "reach"]

_REPEAT_S = (0.1, 0.25, 0.5, 1.0)
"""Pauses between two sendings of a grant, wall clock; the last one stays."""


async def play_capacity(
    session: Session,
    asking: Asking,
    items: list[AskedQuestion],
    pulse: Pulse,
    *,
    between: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Play one opening up to its last question; every question has its finals when this returns.

    `between` is awaited behind each moment, before stream time goes on.
    """
    for moment in moments(items):
        due = [step for step in moment.steps if _open(session, asking, step, moment.t)]
        if not due:
            continue
        why = await reach(session, moment.t, pulse)
        if why is None:
            # What has been consumed may have told where the stream ends.
            now = [step for step in due if _open(session, asking, step, moment.t)]
            await asyncio.gather(*(_look(session, asking, step, pulse) for step in now))
            if between is not None:
                await between()
                pulse.beat()
            continue
        for step in due:
            asking.fail(step.item.key, *why)
    for item in items:
        _close(session, asking, item)


def _open(session: Session, asking: Asking, step: Step, t: float) -> bool:
    """Whether there is anything to look at: the first look is always taken, later ones within the stream."""
    if asking.book.done(step.item.key):
        return False
    # A broken source ends too, but its questions end in its error.
    if step.number and session.ended(t) and not session.breaks(t):
        _close(session, asking, step.item)
        return False
    return True


def _close(session: Session, asking: Asking, item: AskedQuestion) -> None:
    if not asking.book.done(item.key):
        asking.book.close(item.key, end_t=session.end_t)


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


async def _look(session: Session, asking: Asking, step: Step, pulse: Pulse) -> None:
    def over() -> str:
        return f"no answer: nothing moved for {pulse.still_s:.0f} s" if pulse.stalled else ""

    item = step.item
    if why := await asking.settle(session, item.key, over):
        asking.fail(item.key, Status.TIMEOUT, why)
        return
    if item.question.standing is not None:
        why = await asking.look(session, item.key, step.number, over)
    elif item.polls:
        why = await _poll(session, asking, step, over)
    else:
        why = await asking.ask(session, item.key, over)
    if why:
        asking.fail(item.key, Status.TIMEOUT, why)
    elif step.number == len(steps(item)) - 1:
        _close(session, asking, item)


async def _poll(session: Session, asking: Asking, step: Step, over: Over) -> str:
    key = step.item.key
    paths = [path for path in asking.book.open_paths(key) if not asking.book.follow(key, path).stopped]
    whys = await asyncio.gather(*(asking.poll(session, key, step.number, path, over) for path in paths))
    return next((why for why in whys if why), "")

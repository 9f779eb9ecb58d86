"""Live mode: the reader keeps to the wall clock, and each question is asked when its time has come.

Asks are timed by this process's clock from the moment the bench heard that the stream started; the stream
time of an answer comes from the broker's timestamps of the start and of the answer. A standing question is
put once, and what comes is taken until its horizon.
"""

from __future__ import annotations

import asyncio
import time

from bench.data import AskedQuestion
from bench.data.ask import steps
from bench.run.asking import Asking, Over
from bench.run.pulse import Pulse
from bench.run.session import Final, Session
from shared.messages import Path, Status

__all__ = ["emitted", "play_live"]

_LOOK_S = 0.5
_GRACE_S = 3.0
"""How long a standing question's last answers may take behind its horizon, wall clock."""


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
    clock = _Clock(session, pulse, session.started.here, answer_s)
    await asyncio.gather(*(_play(clock, asking, item) for item in items))


class _Clock:
    """Stream time on this process's clock."""

    def __init__(self, session: Session, pulse: Pulse, start: float, answer_s: float) -> None:
        self.session, self._pulse, self._start, self._answer_s = session, pulse, start, answer_s

    async def until(self, t: float) -> None:
        """Sleep until stream time `t`."""
        await asyncio.sleep(max(0.0, self._start + t - time.monotonic()))
        self._pulse.beat()  # time passing is progress here

    def deadline(self) -> Over:
        """Over when an answer that is waited for from now on takes too long."""
        deadline = time.monotonic() + self._answer_s
        return lambda: f"no answer within {self._answer_s:g} s" if time.monotonic() > deadline else ""


async def _play(clock: _Clock, asking: Asking, item: AskedQuestion) -> None:
    session = clock.session
    await clock.until(item.ask_s)
    if session.breaks(item.ask_s):
        asking.fail(item.key, Status.ERROR, session.broken.text if session.broken else "")
        return
    why = await asking.settle(session, item.key, clock.deadline())
    if not why and item.question.standing is not None:
        why = await _stand(clock, asking, item)
    elif not why and item.polls:
        why = await _polls(clock, asking, item)
    elif not why:
        why = await asking.ask(session, item.key, clock.deadline())
    if why:
        asking.fail(item.key, Status.TIMEOUT, why)
    elif not asking.book.done(item.key):
        asking.book.close(item.key, end_t=session.end_t)


async def _stand(clock: _Clock, asking: Asking, item: AskedQuestion) -> str:
    """Put the question, then take what comes until the horizon or the end of the stream."""
    session, until_s = clock.session, steps(item)[-1]
    if why := await asking.stand(session, item.key, clock.deadline()):
        return why
    horizon = asyncio.create_task(clock.until(until_s + _GRACE_S))
    try:
        while not horizon.done() and not asking.book.done(item.key):
            if session.breaks(until_s):
                asking.fail(item.key, Status.ERROR, session.broken.text if session.broken else "")
            if session.end_t is not None and session.end_t < until_s:
                await asyncio.sleep(min(_GRACE_S, _LOOK_S))
                await clock.until(session.end_t + _GRACE_S)
                break
            if _all_here(asking, item):
                break
            await session.wait_change(_LOOK_S)
    finally:
        horizon.cancel()
    return ""


def _all_here(asking: Asking, item: AskedQuestion) -> bool:
    """Whether the last tick is answered on every path."""
    last, key = len(steps(item)) - 1, item.key
    return all(asking.book.follow(key, path).answered(last) for path in asking.book.open_paths(key))


async def _polls(clock: _Clock, asking: Asking, item: AskedQuestion) -> str:
    """Each path is polled by itself: a slow one holds up no other."""
    session, paths = clock.session, asking.book.open_paths(item.key)
    await asyncio.gather(*(_poll_path(clock, asking, item, path) for path in paths))
    if session.breaks(steps(item)[-1]):
        asking.fail(item.key, Status.ERROR, session.broken.text if session.broken else "")
    return ""


async def _poll_path(clock: _Clock, asking: Asking, item: AskedQuestion, path: Path) -> None:
    """Each poll at its time; one that stays without answer is a poll without answer, and the next one comes."""
    for number, t in enumerate(steps(item)):
        await clock.until(t)
        if (number and clock.session.ended(t)) or asking.book.follow(item.key, path).stopped:
            return
        await asking.poll(clock.session, item.key, number, path, clock.deadline())

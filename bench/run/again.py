"""A dead letter worked on again, or dropped.

The error that stands in its place is taken back first, so that the fence of answers lets exactly one in; then the
question goes out again, and the letter is removed last: once S2's queue has it, or S1 has answered. Whoever is
interrupted in between can repeat it.
"""

from __future__ import annotations

import asyncio
import time

from pydantic import ValidationError

from bench.run.letters import Kept, kept_letters
from shared import subjects
from shared.bus import Bus
from shared.errors import ConfigError, TransportError
from shared.messages import Answer, Done, EventKind, Path, S1Ask, S2Job, Status

__all__ = ["drop", "find", "outcome", "retry"]

_POLL_S = 0.2
_S1_S = 60.0
"""Wall-clock seconds that S1 may take to answer what was put back."""


async def find(bus: Bus, number: int) -> Kept:
    """The letter of that number; raises `ConfigError` when there is none."""
    letters = await kept_letters(bus)
    for kept in letters:
        if kept.id == number:
            return kept
    there = ", ".join(str(kept.id) for kept in letters[:10]) or "none"
    raise ConfigError(f"no dead letter {number}; there are: {there} (dsb dlq list)")


async def drop(bus: Bus, number: int) -> None:
    """Remove a letter for good."""
    await find(bus, number)
    await bus.delete(subjects.DLQ, number)


async def retry(bus: Bus, number: int, *, blind: bool = False) -> str:
    """Put a letter's question back, and remove the letter; says what was done.

    Raises `ConfigError`, and leaves all as it is, where that can't be: it was never readable, its time is over,
    or (unless `blind`) no frame of its stream is left. Raises `TransportError`, and keeps the letter, where S1 is
    silent.
    """
    kept = await find(bus, number)
    letter = kept.letter
    try:
        if letter.service == "s2":
            said = await _to_s2(bus, S2Job.model_validate(letter.body), blind=blind)
        elif letter.service == "s1":
            said = await _to_s1(bus, S1Ask.model_validate(letter.body))
            # S1 has no queue: nobody sends a question again that its owner dies of, so it would go with its letter.
            if await outcome(bus, kept, within_s=_S1_S) is None:
                raise TransportError(
                    f"no answer from S1 within {_S1_S:g} s: the letter is kept; retry it once more, or drop it"
                )
        else:
            raise ConfigError(f"dead letter {number} is of {letter.service}, which takes none back: drop it")
    except ValidationError:
        raise ConfigError(
            f"dead letter {number} holds no question ({letter.reason[:80]}): it can only be dropped"
        ) from None
    await bus.delete(subjects.DLQ, number)
    return said


async def outcome(bus: Bus, kept: Kept, *, within_s: float) -> Answer | None:
    """The answer that came for a letter's question within so many seconds of wall clock; null when none did."""
    path = Path(kept.letter.service)
    tick = kept.letter.tick
    deadline = time.monotonic() + within_s
    while True:
        answer = await bus.answer_of(
            kept.letter.opening, kept.letter.key, path, "final" if tick is None else str(tick)
        )
        if answer is not None or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(_POLL_S)


async def _to_s2(bus: Bus, job: S2Job, *, blind: bool) -> str:
    question = job.question
    n = "final" if job.tick is None else str(job.tick)
    if not blind and await _frames_gone(bus, job):
        raise ConfigError(
            f"stream {question.opening} is closed and its frames are gone: the answer would be blind; "
            "drop the letter, or say --blind"
        )
    if not await _taken_back(bus, question.opening, question.key, Path.S2, n):
        return "answered meanwhile: the letter is dropped"
    # The broker takes an attempt that was queued before for a repetition, and stores nothing: of two letters of one
    # job, or two retries of one letter, the second needs a number of its own.
    while not await bus.enqueue(job := job.model_copy(update={"attempt": job.attempt + 1})):
        pass
    return "queued for S2 again"


async def _frames_gone(bus: Bus, job: S2Job) -> bool:
    live, opening = job.profile.live, job.question.opening
    if not await _closed(bus, opening):
        return False
    return await bus.last(subjects.frames_stream(live=live), subjects.frames(opening, live=live)) is None


async def _to_s1(bus: Bus, ask: S1Ask) -> str:
    question = ask.question
    opening = question.opening
    if question.standing is not None:
        raise ConfigError("a tick of a standing question: its time is over, the letter can only be dropped")
    if await _closed(bus, opening):
        raise ConfigError(f"stream {opening} is closed, and S1 answers only while it plays: drop the letter")
    if await bus.lease_holder(subjects.OWNER_BUCKET, opening) is None:
        raise ConfigError(f"stream {opening} has no owner now: try again when `dsb ps` shows one")
    if not await _taken_back(bus, opening, question.key, Path.S1, "final"):
        return "answered meanwhile: the letter is dropped"
    # Its deaths are forgiven: else the owner would give it up at once.
    await bus.forget(subjects.STANDING_BUCKET, f"{opening}.{question.key}")
    await bus.request(subjects.s1(opening), ask.model_copy(update={"again": True}), Done, trace=ask.trace)
    return "sent to its owner on S1, and answered"


async def _closed(bus: Bus, opening: str) -> bool:
    return await bus.last(subjects.EVENTS, subjects.event(opening, EventKind.CLOSED)) is not None


async def _taken_back(bus: Bus, opening: str, key: str, path: Path, n: str) -> bool:
    """Remove the stored answer unless it is a good one: false then."""
    stored = await bus.last(subjects.ANSWERS, subjects.answer(opening, key, path, n))
    if stored is None:
        return True
    if Answer.from_bytes(stored.body).status is Status.OK:
        return False
    if not await bus.delete(subjects.ANSWERS, stored.seq):
        raise TransportError(f"answer {stored.seq} of {key} went away meanwhile: try again")
    return True

"""Dead letters: what nobody could work on, read from the broker."""

from __future__ import annotations

from contextlib import aclosing
from typing import NamedTuple

from shared import subjects
from shared.bus import Bus, Stored
from shared.errors import DataError
from shared.messages import DeadLetter

__all__ = ["Kept", "dead_letters", "kept_letters"]


class Kept(NamedTuple):
    """A dead letter as the broker holds it."""

    id: int
    """Its sequence in the stream; never used twice."""
    time: float
    """When it was written, unix seconds by the broker's clock."""
    letter: DeadLetter


async def kept_letters(bus: Bus) -> list[Kept]:
    """All letters that are stored now, oldest first; one that can't be read says so as its reason."""
    async with aclosing(bus.follow(subjects.DLQ, subjects.dlq("*"), stop_at_end=True)) as stored:
        return [Kept(message.seq, message.time, _read(message)) async for message in stored]


def _read(stored: Stored) -> DeadLetter:
    try:
        return DeadLetter.from_bytes(stored.body)
    except DataError as error:
        return DeadLetter(service=stored.subject.rpartition(".")[2], reason=f"unreadable letter: {error}")


async def dead_letters(bus: Bus, *, run: str = "") -> list[DeadLetter]:
    """All letters that are stored now, or those of a run, oldest first."""
    letters = [kept.letter for kept in await kept_letters(bus)]
    return [letter for letter in letters if letter.opening.startswith(f"{run}_" if run else "")]

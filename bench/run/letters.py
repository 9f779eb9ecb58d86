"""Dead letters: what nobody could work on, read from the broker."""

from __future__ import annotations

from contextlib import aclosing

from shared import subjects
from shared.bus import Bus
from shared.messages import DeadLetter

__all__ = ["dead_letters"]


async def dead_letters(bus: Bus, *, run: str = "") -> list[DeadLetter]:
    """All letters that are stored now, or those of a run, oldest first."""
    async with aclosing(bus.follow(subjects.DLQ, subjects.dlq("*"), stop_at_end=True)) as stored:
        letters = [DeadLetter.from_bytes(message.body) async for message in stored]
    return [letter for letter in letters if letter.opening.startswith(f"{run}_" if run else "")]

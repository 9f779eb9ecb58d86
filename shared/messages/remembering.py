"""What is written to memory and what is read from it: the part of a profile that makes up a run's memory.

The defaults are a plain long-term memory: a note every five seconds, the six most similar ones for each question of S2.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.messages.base import Message, Seconds
from shared.messages.notes import NoteKind

__all__ = ["NoteOrder", "NotePolicy", "NoteSpec", "RecallMode", "RecallSpec", "TurnKind"]

NotePolicy = Literal["every", "on_change"]
"""`every`: a note at each tick. `on_change`: only where S1 says something else than at the tick before."""

TurnKind = Literal["event", "answer", "user"]
"""What is said in a stream, of which notes can be written: what the system said by itself, what it answered, what it
was asked."""

NoteOrder = Literal["time", "similarity"]
"""How notes stand in the prompt: oldest first, or most similar first."""


class RecallMode(StrEnum):
    """Which memory is read."""

    NONE = "none"
    SHORT = "short"
    """The newest notes, whatever they say: no text is encoded, nothing is searched."""
    LONG = "long"
    """The notes most similar to the question."""
    BOTH = "both"


class NoteSpec(Message):
    """What is written to memory: by S1, and by whoever asks of what is said."""

    enabled: bool = True
    every_s: Annotated[float, Field(gt=0)] = 5.0
    """Seconds of stream time between notes."""
    writer: NotePolicy = "every"
    also: tuple[TurnKind, ...] = ()
    """Written beside what S1 sees, by who asks."""


class RecallSpec(Message):
    """What S2 reads from memory."""

    enabled: bool = True
    mode: RecallMode = RecallMode.LONG
    k: Annotated[int, Field(ge=1, le=64)] = 6
    """Notes found by meaning, at most (long)."""
    recent: Annotated[int, Field(ge=1, le=64)] = 6
    """Newest notes, at most (short)."""
    kinds: tuple[NoteKind, ...] = ()
    """Only notes of these kinds; empty: all."""
    back_s: Seconds | None = None
    """Only notes of the last so many seconds of stream time; null: all."""
    recency: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Weight of freshness against similarity in the order of finding."""
    half_life_s: Annotated[float, Field(gt=0)] = 30.0
    """Age at which a note is half as fresh, seconds of stream time."""
    mmr: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Maximal marginal relevance: 1 looks at relevance alone, less spreads what is found."""
    pool: Annotated[int, Field(ge=1, le=1024)] = 64
    """Most similar notes among which recency and MMR choose."""
    order: NoteOrder = "time"
    frames: Annotated[int, Field(ge=0, le=64)] = 0
    """Frames that notes point to and S2 fetches from the log, at most; 0: none."""
    frames_kept: Annotated[int, Field(ge=1, le=2048)] = 512
    """How many frames back a note may point; so long the log keeps them (only where `frames` is above 0)."""
    about: Literal["stream", "question"] = "stream"
    """`question`: only notes that were planted for this very question (the bench's controls)."""

    @property
    def reads(self) -> bool:
        """Whether anything is read at all."""
        return self.enabled and self.mode is not RecallMode.NONE

    @property
    def searched(self) -> int:
        """Notes to be found by meaning."""
        return self.k if self.mode in (RecallMode.LONG, RecallMode.BOTH) else 0

    @property
    def newest(self) -> int:
        """Newest notes to be read."""
        return self.recent if self.mode in (RecallMode.SHORT, RecallMode.BOTH) else 0

    @property
    def most(self) -> int:
        """Notes that can come back."""
        return (self.searched + self.newest) if self.reads else 0

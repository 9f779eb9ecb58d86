"""Notes: what a system wrote down about a stream, and how memory is asked for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.messages.base import Message, Opening, Seconds

__all__ = [
    "Forget",
    "Forgotten",
    "Hit",
    "Holdings",
    "HoldingsReply",
    "Note",
    "NoteKind",
    "RunNotes",
    "Search",
    "SearchReply",
    "Upsert",
]

NoteKind = Literal["scene", "change", "event", "answer", "user"]
"""What S1 sees, what S1 sees that is new, what happened beside the pictures, what was answered, what was asked."""


class Note(Message):
    """One thing that a system wrote down about a stream."""

    opening: Opening
    run: str
    scope: str = "perception"
    """`perception`, or the key of the question that it was planted for."""
    kind: NoteKind = "scene"
    seq: int
    """Its place within opening, scope and kind: the id comes from these, so a write can be repeated."""
    t_start: Seconds
    t_end: Seconds
    text: str


class Hit(Message):
    """A note that was found, or read for being new."""

    id: str
    score: float | None
    """Cosine similarity, rounded to 1e-5 so that engines agree; null for a note that nobody searched for."""
    note: Note


class Upsert(Message):
    """To memory: store these notes; acknowledged when a search would find them."""

    notes: tuple[Note, ...]


class Search(Message):
    """To memory: the `k` notes most similar to `text`, and the `recent` newest ones, that ended by `t_max`."""

    opening: Opening
    scope: str = "perception"
    text: str
    t_max: Seconds
    t_min: Seconds = 0.0
    """Only notes that begin no earlier."""
    k: Annotated[int, Field(ge=0, le=64)] = 6
    """0: nothing is encoded, and nothing searched."""
    recent: Annotated[int, Field(ge=0, le=64)] = 0
    kinds: tuple[NoteKind, ...] = ()
    """Empty: all."""
    recency: Annotated[float, Field(ge=0, le=1)] = 0.0
    half_life_s: Annotated[float, Field(gt=0)] = 30.0
    mmr: Annotated[float, Field(ge=0, le=1)] = 1.0
    pool: Annotated[int, Field(ge=1, le=1024)] = 64


class SearchReply(Message):
    """What was found, best first, ties by (`t_end`, id); then the newest notes that were not found, newest first."""

    hits: tuple[Hit, ...] = ()
    encode_s: float = 0.0
    search_s: float = 0.0


class Holdings(Message):
    """To memory: whose notes do you hold?"""

    run: str = ""
    """Of this run alone; empty: of all."""


class RunNotes(Message):
    """The notes of one run."""

    run: str
    notes: int


class HoldingsReply(Message):
    """The runs that have notes, by name, at most a thousand; and the number of all notes."""

    runs: tuple[RunNotes, ...] = ()
    notes: int = 0


class Forget(Message):
    """To memory: remove the notes of a run."""

    run: Annotated[str, Field(min_length=1)]


class Forgotten(Message):
    """How many notes are gone."""

    notes: int

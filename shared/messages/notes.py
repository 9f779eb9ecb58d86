"""Notes: what a system wrote down about a stream, and how memory is asked for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.messages.base import Message, Opening, Seconds

__all__ = ["Hit", "Note", "Search", "SearchReply", "Upsert"]


class Note(Message):
    """One thing that a system wrote down about a stream."""

    opening: Opening
    run: str
    scope: str = "perception"
    """`perception`, or the sample and path whose turns it belongs to."""
    kind: Literal["scene", "change", "event", "answer", "user"] = "scene"
    seq: int
    """Its place within opening, scope and kind: the id comes from these, so a write can be repeated."""
    t_start: Seconds
    t_end: Seconds
    text: str


class Hit(Message):
    """A note that a search found."""

    id: str
    score: float
    """Cosine similarity, rounded to 1e-5 so that engines agree."""
    note: Note


class Upsert(Message):
    """To memory: store these notes; acknowledged when a search would find them."""

    notes: tuple[Note, ...]


class Search(Message):
    """To memory: the `k` notes most similar to `text` that ended by `t_max`."""

    opening: Opening
    scope: str = "perception"
    text: str
    t_max: Seconds
    k: Annotated[int, Field(ge=1, le=64)] = 6


class SearchReply(Message):
    """Best first; ties by (`t_end`, id)."""

    hits: tuple[Hit, ...] = ()
    encode_s: float = 0.0
    search_s: float = 0.0

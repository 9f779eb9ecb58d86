"""Live streams: what gives way when somebody falls behind, and how a stream stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from shared.messages.base import Message, Opening, Seconds

__all__ = ["Look", "Slow", "StreamReport", "StreamState", "StreamStatus"]


class Slow(StrEnum):
    """What a live stream does where a consumer falls behind (capacity mode waits, and drops nothing)."""

    DROP_OLDEST = "drop-oldest"
    """The oldest waiting frame gives way: answers are about now."""
    DROP_NEWEST = "drop-newest"
    """The frame that finds no room is not taken: what waits is seen to its end."""
    DOWNSAMPLE = "downsample"
    """Every second frame gives way, then three of four, …, evenly, until the consumer keeps up again."""
    BLOCK = "block"
    """Nothing gives way: who falls behind stays behind, as far back as the frame log reaches."""


class StreamReport(Message):
    """What became of a stream's frames at one worker, since it took the stream."""

    service: Literal["reader", "s1"] = "reader"
    frames: int = 0
    """Published (a reader), or encoded (an S1 owner)."""
    dropped: dict[str, int] = {}  # noqa: RUF012  # pydantic copies it for each object
    """Frames dropped, by reason (docs/operations.md)."""
    reconnects: int = 0
    """How often a live source was lost and came back."""
    gap_s: Seconds = 0.0
    """Seconds of stream time without a source, in all."""


StreamState = Literal["connecting", "playing", "reconnecting", "ended", "failed"]


class StreamStatus(Message):
    """How a stream stands at the reader that holds it."""

    opening: Opening
    reader: str
    state: StreamState
    age_s: Seconds
    """Wall-clock seconds since this reader took it."""
    t: Seconds | None = None
    """Stream time now; null before the first frame."""
    last_t: Seconds | None = None
    """Of the newest frame."""
    report: StreamReport = StreamReport()
    text: str = ""
    """Why there is no picture, where there is none."""


class Look(Message):
    """To the reader that holds an opening: how does it stand?"""

    opening: Opening

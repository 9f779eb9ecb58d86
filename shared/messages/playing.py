"""Playing a video: what a worker needs to know of it, who reads and owns it, and what happens to it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.messages.base import Message, Opening, Seconds

__all__ = [
    "Close",
    "Credit",
    "Done",
    "Event",
    "EventKind",
    "Grant",
    "Mode",
    "NoteSpec",
    "Open",
    "OpenReply",
    "Place",
    "PlaceReply",
    "Profile",
    "RecallSpec",
    "Resize",
    "VideoSpec",
    "WindowSpec",
]


class Mode(StrEnum):
    """How time passes."""

    CAPACITY = "capacity"
    """The bench grants stream time; as fast as the machine, deterministic."""
    LIVE = "live"
    """The reader keeps to the wall clock; who falls behind drops."""


class Resize(StrEnum):
    """How a source frame becomes a frame of the asked size."""

    STRETCH = "stretch"
    """Fill the size, whatever the aspect ratio."""
    LETTERBOX = "letterbox"
    """Keep the aspect ratio, pad with black."""
    CROP = "crop"
    """Keep the aspect ratio, cut the centre."""
    NONE = "none"
    """Leave the source's size."""


class VideoSpec(Message):
    """How a source becomes frames; it changes what models see, so it stands in the manifest."""

    fps: Annotated[float, Field(gt=0, le=240)] = 1.0
    """Sampled frames a second of stream time, at most."""
    width: Annotated[int, Field(ge=16, le=8192)] = 96
    height: Annotated[int, Field(ge=16, le=8192)] = 96
    resize: Resize = Resize.LETTERBOX
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """JPEG quality."""


class WindowSpec(Message):
    """Which frames a system sees: a pure function of the newest frame's index (shared/perception/window.py)."""

    frames: Annotated[int, Field(ge=1)] = 6
    """At most so many frames."""
    stride: Annotated[int, Field(ge=1)] = 1
    """Take the frames whose index is a multiple of this."""
    hop: Annotated[int, Field(ge=1)] = 2
    """Slide by so many taken frames at once."""
    newest: bool = False
    """Also take the newest frame, whatever its index, as one of the frames: who looks far back still sees now."""

    @property
    def reach(self) -> int:
        """How many frame indices back from the newest one a window can need."""
        return self.frames * self.stride + self.stride


class NoteSpec(Message):
    """What S1 writes to memory by itself."""

    enabled: bool = True
    every_s: Annotated[float, Field(gt=0)] = 5.0
    """Seconds of stream time between notes."""


class RecallSpec(Message):
    """What S2 reads from memory."""

    enabled: bool = True
    k: Annotated[int, Field(ge=1, le=64)] = 6


class Profile(Message):
    """Everything of a run's configuration that a worker needs to play one opening."""

    mode: Mode = Mode.CAPACITY
    video: VideoSpec = VideoSpec()
    s1: WindowSpec = WindowSpec()
    s2: WindowSpec = WindowSpec(stride=5, newest=True)
    notes: NoteSpec = NoteSpec()
    recall: RecallSpec = RecallSpec()
    credit: Annotated[int, Field(ge=1)] = 64
    """Frames that the reader may be ahead of the owner (capacity mode)."""

    @property
    def live(self) -> bool:
        """Whether time is the wall clock's."""
        return self.mode is Mode.LIVE

    @property
    def retain(self) -> int:
        """Frames behind the newest consumed one that the log must keep."""
        return max(self.s1.reach, self.s2.reach)


class Open(Message):
    """Bench to reader: play this source. Sent again as a keep-alive; idempotent by opening."""

    opening: Opening
    run: str
    uri: str
    """File, folder, `rtsp://`, `/dev/video*` or `synth:`; resolved where the reader runs."""
    profile: Profile


class OpenReply(Message):
    """Reader to bench."""

    accepted: bool
    reader: str = ""
    """Who holds the opening."""
    reason: str = ""


class Close(Message):
    """Bench to all: the opening is over; owners and readers let go of it."""

    opening: Opening


class Done(Message):
    """An empty acknowledgement."""

    ok: bool = True
    reason: str = ""


class EventKind(StrEnum):
    """What happens to an opening; each is a subject of its own."""

    OPENED = "opened"
    STARTED = "started"
    OWNER = "owner"
    WATERMARK = "watermark"
    EOS = "eos"
    DROPPED = "dropped"
    ERROR = "error"
    CLOSED = "closed"


class Event(Message):
    """Something that happened to an opening."""

    opening: Opening
    kind: EventKind
    by: str = ""
    """The worker that says so."""
    t: Seconds | None = None
    """Stream time it concerns: the watermark, the last frame at `eos`."""
    count: int = 0
    """Frames: dropped since the last such event, or read in all at `eos`."""
    epoch: int = 0
    text: str = ""
    """For people; at `error` it names the source."""
    open: Open | None = None
    """At `opened`: what was asked for, so that any router can place it."""


class Grant(Message):
    """Bench to reader: publish frames up to and including `t`, then the watermark. Sent again until it is seen."""

    opening: Opening
    t: Seconds


class Credit(Message):
    """S1 owner to reader: frames up to `index` are encoded and their notes are acknowledged; -1 is none yet."""

    opening: Opening
    index: int


class Place(Message):
    """Router to a free S1 worker: adopt this opening."""

    open: Open


class PlaceReply(Message):
    """Who owns the opening now."""

    accepted: bool
    owner: str = ""
    epoch: int = 0
    reason: str = ""

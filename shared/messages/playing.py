"""Playing a video: what a worker needs to know of it, who reads and owns it, and what happens to it."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.messages.base import Message, Opening, Seconds
from shared.messages.live import Slow, StreamReport
from shared.messages.remembering import NoteSpec, RecallSpec

__all__ = [
    "CacheSpec",
    "Close",
    "Credit",
    "Done",
    "Event",
    "EventKind",
    "Grant",
    "Mode",
    "Open",
    "OpenReply",
    "Place",
    "PlaceReply",
    "Profile",
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

    @property
    def alone(self) -> bool:
        """Whether one of the frames is kept for the newest."""
        return self.newest and self.stride > 1 and self.frames > 1

    @property
    def at_least(self) -> int:
        """How many frames of the grid are visible, at least, once the window has slid."""
        taken = self.frames - self.alone
        return taken - min(self.hop, taken) + 1


class CacheSpec(Message):
    """What the systems keep of what they have computed. The kept changes no answer; `prefill_stride`, by rounding."""

    enabled: bool = True
    """Off: nothing is kept from one question to the next; the answers are the same, bit for bit."""
    max_frames: Annotated[int, Field(ge=1)] = 1024
    """Encoded frames kept of one stream; others are encoded again when a question needs them."""
    kv_reuse: bool = True
    """Keep what the language model has computed of a stream's prefix: system prompt and frames."""
    prefill_stride: Annotated[int, Field(ge=1)] = 2
    """The prefix grows by so many frames of the window at once."""
    ahead: Literal["none", "s1", "both"] = "s1"
    """Who computes the prefix before a question needs it: S1 as stream time goes on, S2 while memory is searched."""


class Profile(Message):
    """Everything of a run's configuration that a worker needs to play one opening."""

    mode: Mode = Mode.CAPACITY
    video: VideoSpec = VideoSpec()
    s1: WindowSpec = WindowSpec()
    s2: WindowSpec = WindowSpec(stride=5, newest=True)
    notes: NoteSpec = NoteSpec()
    recall: RecallSpec = RecallSpec()
    cache: CacheSpec = CacheSpec()
    credit: Annotated[int, Field(ge=1)] = 64
    """Frames that the reader may be ahead of the owner (capacity mode)."""
    slow: Slow = Slow.DROP_OLDEST
    """What gives way where somebody falls behind (live mode)."""

    @property
    def live(self) -> bool:
        """Whether time is the wall clock's."""
        return self.mode is Mode.LIVE

    @property
    def reach(self) -> int:
        """Frames behind the newest one that a window, or whoever takes over, can need."""
        if self.notes.writer == "every":
            return max(self.s1.reach, self.s2.reach)
        # A successor needs the frame of the tick before its first one.
        two_ticks = math.ceil(2 * self.notes.every_s * self.video.fps) + 1
        return max(self.s1.reach, self.s2.reach, two_ticks)

    @property
    def retain(self) -> int:
        """Frames behind the newest consumed one that the log must keep."""
        pointed = self.recall.frames_kept if self.recall.reads and self.recall.frames else 0
        return max(self.reach, pointed)


class Open(Message):
    """Bench to reader: play this source. Sent again as a keep-alive; idempotent by opening."""

    opening: Opening
    run: str
    uri: str
    """File, folder, `rtsp://`, `webcam:…`, `/dev/video*` or `synth:`; resolved where the reader runs."""
    profile: Profile
    kept: bool = False
    """No bench keeps it open: it plays until it is closed or its source is gone, and the router finds it readers."""


class OpenReply(Message):
    """Reader to bench."""

    accepted: bool
    reader: str = ""
    """Who holds the opening."""
    reason: str = ""
    """Why not; of one that is accepted: `held` when it had a holder already."""


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
    LOST = "lost"
    """A live source gives no pictures any more: `t` is where they stopped."""
    RESUMED = "resumed"
    """It is back: `t` is the first picture's, `text` tells the gap."""
    REPORT = "report"
    """A worker lets go of a stream, or its source ended: what became of the frames."""
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
    report: StreamReport | None = None
    """At `report`."""


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

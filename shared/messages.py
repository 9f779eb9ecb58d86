"""The wire contract: frozen pydantic models, msgpack on the wire (frames apart: docs/protocol.md).

Times named `t`, `*_s` or `*_ts` are seconds of stream time; the fields of `Timings` are seconds of wall clock on one
host, durations only. Nothing here can carry gold: questions are built from a whitelist of fields.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

import msgpack
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import DataError

Opening = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Message(BaseModel):
    """A frozen value that goes over the wire as a msgpack map; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_bytes(self) -> bytes:
        """The msgpack map of this message."""
        return bytes(msgpack.packb(self.model_dump(mode="json"), use_bin_type=True))

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Parse a body; raises `DataError` that names the message and the field at fault."""
        try:
            return cls.model_validate(msgpack.unpackb(body, raw=False))
        except (ValidationError, ValueError, msgpack.UnpackException) as error:
            raise DataError(f"not a {cls.__name__}: {' '.join(str(error).split())[:300]}") from error


class Mode(StrEnum):
    """How time passes."""

    CAPACITY = "capacity"
    """The bench grants stream time; as fast as the machine, deterministic."""
    LIVE = "live"
    """The reader keeps to the wall clock; who falls behind drops."""


class Path(StrEnum):
    """Who answers."""

    S1 = "s1"
    S2 = "s2"


class Status(StrEnum):
    """How a question ended."""

    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"
    REFUSED = "refused"


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
    s2: WindowSpec = WindowSpec(stride=5)
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


class Form(StrEnum):
    """The form of an answer."""

    MCQ = "mcq"
    TEXT = "text"
    YES_NO = "yes_no"
    COUNT = "count"


class Option(Message):
    """One choice; `key` is its label."""

    key: str
    text: str


class Question(Message):
    """What a system is asked. Built from a whitelist: it has no field that could hold gold, a part or an ability."""

    opening: Opening
    key: str
    """Hash of (sample, turn, probe): who holds it can repeat the ask without asking twice."""
    sample: str
    turn: int = 0
    probe: int = 0
    t_ask: Seconds
    text: str
    form: Form = Form.MCQ
    options: tuple[Option, ...] = ()


def question_key(sample: str, turn: int, probe: int) -> str:
    """The key of a question: 16 hex digits of the SHA-1 of its sample, turn and probe."""
    return hashlib.sha1(f"{sample}\0{turn}\0{probe}".encode()).hexdigest()[:16]


class Route(StrEnum):
    """Routing policies that ship; others join by name."""

    RULE = "rule"
    FORCE_S1 = "force-s1"
    FORCE_S2 = "force-s2"
    BOTH = "both"


class Ask(Message):
    """Bench to router. The same ask may come again; it never counts twice."""

    question: Question
    route: str = Route.RULE
    open: Open
    trace: str = ""


class AskReply(Message):
    """The router's decision, at once; the answers follow on their own subjects."""

    status: Literal["accepted", "refused", "waiting"]
    """`refused`: overload, said out loud (live). `waiting`: ask again, nothing is free yet (capacity)."""
    paths: tuple[Path, ...] = ()
    route: str = ""
    score: float | None = None
    reason: str = ""
    router_s: float = 0.0
    router: str = ""


class RouteStamp(Message):
    """How a question came to its path; copied into every answer."""

    route: str
    score: float | None = None
    reason: str = ""
    router_s: float = 0.0


class S1Ask(Message):
    """Router to the owner."""

    question: Question
    route: RouteStamp
    trace: str = ""


class S2Job(Message):
    """Router to the work queue."""

    question: Question
    profile: Profile
    route: RouteStamp
    attempt: int = 0
    max_age_s: Seconds | None = None
    """Wall-clock seconds, from the broker's timestamp, after which the job is dropped (live mode)."""
    trace: str = ""


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


class Timings(Message):
    """Wall-clock seconds spent on one answer, by stage, each measured on one host."""

    router: float = 0.0
    queue: float = 0.0
    """In the S2 queue or behind the owner's other work."""
    gather: float = 0.0
    """Frames fetched from the log and decoded."""
    retrieve: float = 0.0
    vision: float = 0.0
    model: float = 0.0
    """Prompt, prefill and decoding."""
    total: float = 0.0
    """In the worker, from taking the question up to publishing."""


class Usage(Message):
    """What one answer cost."""

    prompt_tokens: int = 0
    visual_tokens: int = 0
    output_tokens: int = 0
    frames_encoded: int = 0
    frames_reused: int = 0
    """Frames whose embeddings were already cached."""


class Draft(Message):
    """What a model layer says, before it is addressed: the same object in the stack and offline."""

    raw: str
    """The model's text, or the chosen label."""
    choice: str | None = None
    """Label of the chosen option; null for free text."""
    confidence: float | None = None
    """Calibrated probability of the choice, rounded to 1e-4."""
    probs: dict[str, float] = {}
    """By option label, rounded to 1e-4."""
    evidence_times: tuple[float, ...] = ()
    """Stream times that the model itself names as its evidence."""
    rationale: str = ""
    frames_idx: tuple[int, ...] = ()
    frames_ts: tuple[float, ...] = ()
    """Stream times of the frames that were really in the prompt."""
    notes: tuple[Note, ...] = ()
    """Notes that were really in the prompt, in time order."""
    partial: str = ""
    """Why less than the window was seen, e.g. `log_truncated`."""
    usage: Usage = Usage()


class Answer(Message):
    """One answer on the wire: an emission or the final of a question on a path."""

    schema_: ClassVar[str] = "dsb.answer/1"
    opening: Opening
    key: str
    path: Path
    n: str = "final"
    status: Status = Status.OK
    error: str = ""
    draft: Draft | None = None
    t_ask: Seconds
    route: RouteStamp
    worker: str = ""
    model: str = ""
    epoch: int = 0
    attempts: int = 1
    timings: Timings = Timings()
    trace: str = ""


class DeadLetter(Message):
    """A message that nobody could work on; browsable."""

    service: str
    reason: str
    opening: str = ""
    key: str = ""
    body: dict[str, Any] = {}

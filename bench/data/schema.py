"""The sample schema `dsb.sample/1`: one shape that holds every source without loss.

Times are seconds of stream time. Gold is a list of time-valid intervals, since the same question has
different answers at different instants. All of it stays in the bench: bench/data/ask.py builds what is
sent, from a whitelist.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.messages import Option, Seconds

__all__ = [
    "SCHEMA",
    "AnswerForm",
    "AnswerSpec",
    "Depends",
    "Evidence",
    "Gold",
    "Group",
    "Issue",
    "Part",
    "Poll",
    "Sample",
    "Scoring",
    "Source",
    "Span",
    "Stream",
    "StreamEvent",
    "Trigger",
    "Turn",
]

SCHEMA = "dsb.sample/1"


class Part(StrEnum):
    """Where the evidence lies relative to the ask time, and who decides when to speak."""

    REALTIME = "realtime"
    """About now."""
    REASONING = "reasoning"
    """The evidence is older than S1's window, or must be inferred."""
    CLUE = "clue"
    """The question stands; its evidence comes later."""
    PROACTIVE = "proactive"
    """The question stands; the system chooses when to speak."""
    SEQUENTIAL = "sequential"
    """A chain of dependent turns."""


class AnswerForm(StrEnum):
    """What an answer may look like."""

    MCQ = "mcq"
    TEXT = "text"
    YES_NO = "yes_no"
    COUNT = "count"
    SUFFICIENCY = "sufficiency+text"
    EMIT = "emit"
    MULTI_REPLY = "multi_reply"
    ALERT = "alert"
    SILENCE = "silence"


class Strict(BaseModel):
    """A frozen value; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Span(Strict):
    """From `from_s` up to, and not including, `to_s`."""

    from_s: Seconds
    to_s: Seconds

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to_s < self.from_s:
            raise ValueError(f"to_s {self.to_s} is before from_s {self.from_s}: swap them, or note an issue")
        return self


class Stream(Strict):
    """One video of a sample."""

    id: str = "main"
    uri: str
    """A file (relative to the data set's folder), or any source that a reader opens."""
    duration_s: Seconds | None = None
    sha256: str = ""
    """Of the file; empty when it was never seen."""
    t0_s: Seconds = 0.0
    """Where the sample begins in the video."""


class StreamEvent(Strict):
    """Something that happens beside the pictures: a subtitle, what an earlier user said."""

    t: Seconds
    kind: str
    role: str = ""
    content: str = ""


class Gold(Strict):
    """What is right from `from_s` up to `to_s` (null: from the start, to the end)."""

    from_s: Seconds | None = None
    to_s: Seconds | None = None
    value: str | bool | int | float | None = None
    """The label, the count, yes or no; null when only `text` is known."""
    text: str = ""

    def holds(self, t: float) -> bool:
        """Whether this is the gold at stream time `t`."""
        return (self.from_s is None or self.from_s <= t) and (self.to_s is None or t < self.to_s)


class AnswerSpec(Strict):
    """The form of the answer, its options and its gold."""

    form: AnswerForm = AnswerForm.MCQ
    options: tuple[Option, ...] = ()
    gold: tuple[Gold, ...] = ()

    def gold_at(self, t: float) -> Gold | None:
        """The first gold that holds at stream time `t`."""
        return next((gold for gold in self.gold if gold.holds(t)), None)


class Evidence(Strict):
    """Where in a stream the answer can be seen."""

    span: Span
    kind: str = "visual"
    stream: str = "main"


class Poll(Strict):
    """Official polling protocols: asked every `every_s` from `from_s` to `to_s`."""

    every_s: Annotated[float, Field(gt=0)]
    from_s: Seconds
    to_s: Seconds
    text: str = ""


class Trigger(Strict):
    """Free timing: when the system ought to speak by itself."""

    gold_s: tuple[Seconds, ...] = ()
    gold_spans: tuple[Span, ...] = ()
    tolerance_s: Seconds = 2.0
    poll: Poll | None = None
    view_from: Seconds = 0.0


class Depends(Strict):
    """An earlier turn that this one needs."""

    turn: Annotated[int, Field(ge=0)]
    mode: Literal["history", "slot"] = "history"
    slot: str = ""
    """The placeholder in the question that the earlier answer fills."""


class Turn(Strict):
    """One question."""

    question: str
    ask_s: Seconds
    probe_s: tuple[Seconds, ...] = ()
    """Times at which an answer is forced; when empty, once, at `ask_s`."""
    trigger: Trigger | None = None
    answer: AnswerSpec = AnswerSpec()
    evidence: tuple[Evidence, ...] = ()
    depends_on: tuple[Depends, ...] = ()
    ability: str = ""
    """For analysis; never a router's feature."""

    @property
    def asks(self) -> tuple[float, ...]:
        """Times at which an answer is due, in order of their probe index."""
        return self.probe_s or (self.ask_s,)


class Group(Strict):
    """Samples that are scored together."""

    id: str
    role: str = ""


class Scoring(Strict):
    """Which rules score it."""

    profile: str = "causal"
    params: dict[str, Any] = {}


class Source(Strict):
    """Where it comes from, and what it was there."""

    bench: str
    subset: str = ""
    commit: str = ""
    file: str = ""
    pointer: str = ""
    native_id: str = ""
    """What the source calls it; not unique everywhere."""
    native: Any = None
    """The source's own value; it can give answers away, so it never leaves the bench."""


class Issue(Strict):
    """What the linter found."""

    code: str
    pointer: str = ""
    text: str = ""


class Sample(Strict):
    """One item of a data set: a stream, and the questions about it."""

    id: Annotated[str, Field(min_length=1)]
    """`<bench>/<subset>/<pointer>#<sha1-8>`."""
    part: Part
    task: str = ""
    modalities: tuple[str, ...] = ("video",)
    streams: Annotated[tuple[Stream, ...], Field(min_length=1)]
    events: tuple[StreamEvent, ...] = ()
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]
    steps: tuple[Any, ...] = ()
    group: Group | None = None
    scoring: Scoring = Scoring()
    source: Source = Source(bench="")
    issues: tuple[Issue, ...] = ()

    @property
    def uri(self) -> str:
        """The source that is played."""
        return self.streams[0].uri

    @property
    def video(self) -> str:
        """The video's identity, by which questions share an opening and scores are clustered."""
        return self.streams[0].sha256 or self.streams[0].uri

    @model_validator(mode="after")
    def _chain(self) -> Self:
        for number, turn in enumerate(self.turns):
            for link in turn.depends_on:
                if link.turn >= number:
                    raise ValueError(
                        f"turn {number} depends on turn {link.turn}: a turn can depend on earlier turns only"
                    )
        return self

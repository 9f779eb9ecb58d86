"""Answers, what they are based on and what they cost, and what nobody could work on."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from shared.messages.asking import Path, RouteStamp
from shared.messages.base import Message, Opening, Seconds
from shared.messages.notes import Note

__all__ = ["Answer", "DeadLetter", "Draft", "Status", "Timings", "Usage"]


class Status(StrEnum):
    """How a question ended."""

    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"
    REFUSED = "refused"


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
    frames_reencoded: int = 0
    """Of those encoded for this answer, the ones that this worker had encoded before."""
    reused_tokens: int = 0
    """Of the prompt's tokens, those that had been run before: they were not run for this answer."""
    saved_s: float = 0.0
    """Wall-clock seconds that encoding the reused frames and running the reused tokens had taken."""
    cache_bytes: int = 0
    """What is kept of this stream: encoded frames, and the computed prefix."""
    cost_usd: float | None = None
    """US dollars, by a provider's price table; null where nothing is paid, or no price is known."""
    retries: int = 0
    """A provider's failed tries before the one that counts."""
    retry_s: float = 0.0
    """Wall-clock seconds of those tries, their pauses and waiting for rate limits: no latency of the model."""
    stop: str = ""
    """Why a provider's model stopped, when not at its own end: `length`, `refusal` or `filter`."""


class Draft(Message):
    """What a model layer says, before it is addressed: the same object in the stack and offline."""

    raw: str
    """The answer: the model's text, or the chosen label. Scores are made from it."""
    choice: str | None = None
    """Label of the chosen option; null for free text."""
    confidence: float | None = None
    """Calibrated probability of the choice, rounded to 1e-4; of a structured answer what the model states itself."""
    probs: dict[str, float] = {}  # noqa: RUF012  # pydantic copies it for each object
    """By option label, rounded to 1e-4."""
    evidence_times: tuple[float, ...] = ()
    """Stream times that the model itself names as its evidence."""
    rationale: str = ""
    """Why, in the model's words; never scored."""
    written: str = ""
    """All that the model wrote, where that is more than `raw`: its thought, its JSON. Never scored."""
    frames_idx: tuple[int, ...] = ()
    frames_ts: tuple[float, ...] = ()
    """Stream times of the frames that were really in the prompt."""
    notes: tuple[Note, ...] = ()
    """Notes that were really in the prompt, in the order in which they stood there."""
    speak: bool | None = None
    """At a tick of a standing `speak` question: whether the system speaks now."""
    partial: str = ""
    """Why less than the window was seen, e.g. `log_truncated`, or `oom_retry`: half of it, for want of memory;
    and what of a structured reply could not be read: `structured_invalid`, `evidence_dropped`."""
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
    attempt: int = 0
    """Of an S2 job: how often it had been put back."""
    tick: int | None = None
    """Of a standing question; null for an ordinary one."""
    body: dict[str, Any] = {}  # noqa: RUF012

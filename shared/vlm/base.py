"""The model layer's interface: what S1 and S2 know of a vision-language model, whatever its family.

A frame is encoded once, into a `Unit`; a prompt is assembled from cached units; one object serves many
streams and holds no state of any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from shared.messages import Note, Option, TimedEvent

if TYPE_CHECKING:  # a run's configuration imports this package and needs no torch
    from torch import Tensor

__all__ = [
    "Choice",
    "Generated",
    "Image",
    "KeepsJpeg",
    "Prefills",
    "PromptParts",
    "Reuse",
    "Spent",
    "Turn",
    "Unit",
    "Vlm",
]

Image = NDArray[np.uint8]
"""One frame, RGB, `[height, width, 3]`."""


@dataclass(frozen=True)
class Unit:
    """What one frame (two, in some families' video mode) became."""

    feats: Tensor
    """`[n_visual_tokens, d_lm]`: the rows that replace this unit's placeholder tokens."""
    deep: tuple[Tensor, ...]
    """Extra rows injected into deeper layers (Qwen3-VL), else empty."""
    grid: tuple[int, ...]
    """Patch grid, for position ids only."""
    times: tuple[float, ...]
    """Seconds of stream time."""
    index: int
    """Which frame: part of any prefix key, since placeholder tokens are all alike."""
    jpeg: bytes = b""
    """The frame itself, where it is sent to a provider: there `feats` has no rows."""
    took_s: float = 0.0
    """Wall-clock seconds that its encoding took."""


class Turn(NamedTuple):
    """One earlier question and what was answered."""

    question: str
    answer: str


class Reuse(NamedTuple):
    """Keep what the language model computes of a stream's prefix, and use it again."""

    stream: str
    """Whose frames these are: prefixes of two streams are never mixed up."""
    stride: int = 1
    """Extend the prefix behind every unit that closes a stride: a function of indices, never of load."""
    every: int = 1
    """The window takes the frames whose index is a multiple of this; no chunk ends behind another."""
    at_least: int = 1
    """So many frames are always there once the window has slid: they are run at once, not stride by stride."""


@dataclass(frozen=True)
class PromptParts:
    """A prompt, in the order in which it is assembled."""

    units: Sequence[Unit] = ()
    notes: Sequence[Note] = ()
    """In time order."""
    history: Sequence[Turn] = ()
    question: str = ""
    options: Sequence[Option] = ()
    closing: str = ""
    """The last line, which says how to answer; empty: the one for options, if there are any."""
    labels: Sequence[str] = ()
    """What `choose` chooses among; empty: the keys of the options."""
    events: Sequence[TimedEvent] = ()
    """In time order."""
    reuse: Reuse | None = None
    """Null: one plain forward pass."""
    key: str = ""
    """Of the question: where words are drawn, a rerun of it draws the same."""
    structured: bool = False
    """The reply is to be JSON (shared/vlm/structured.py)."""
    think: bool | None = None
    """Whether the model may think first, if its settings give it tokens for that."""

    @property
    def choices(self) -> list[str]:
        """The labels to choose among."""
        return list(self.labels) or [option.key for option in self.options]


class Choice(NamedTuple):
    """The outcome of choosing among labels."""

    label: str
    probs: dict[str, float]
    """By label, calibrated, summing to 1."""
    prompt_tokens: int
    reused_tokens: int = 0
    """Of them, those that had been computed before."""
    reused_s: float = 0.0
    """Wall-clock seconds that computing those had taken."""
    output_tokens: int = 1
    """Thought and label."""
    thought: str = ""
    """What the model wrote before it chose."""


class Spent(NamedTuple):
    """What a request to a provider took beside its tokens."""

    cost_usd: float | None = None
    """By the price table; null: no price is known, or nothing is paid."""
    retries: int = 0
    """Tries that failed before the one that counts."""
    retry_s: float = 0.0
    """Wall-clock seconds of those, of the pauses between, and of waiting for our own limits."""
    stop: str = ""
    """Why the model stopped, when not at its own end: `length`, `refusal` or `filter`."""


class Generated(NamedTuple):
    """The outcome of writing an answer."""

    text: str
    prompt_tokens: int
    output_tokens: int
    reused_tokens: int = 0
    probs: Mapping[str, float] = {}
    """By label of `PromptParts.choices`, where the answer began with one and its probability is known; else empty."""
    spent: Spent = Spent()
    reused_s: float = 0.0
    """Wall-clock seconds that computing the reused tokens had taken."""
    thought: str = ""
    """What the model wrote before its answer; no part of `text`. Its tokens are among `output_tokens`."""


class Vlm(Protocol):
    """A loaded model. Its methods block: call them from a thread. They raise `ModelError`."""

    name: str
    """For records and manifests."""
    fingerprint: str
    """Short hash of weights and settings: two workers with one fingerprint answer alike."""
    unit_frames: int
    label_logits: bool
    """Whether `choose` goes by label logits. If not, choices are written, too, and the text is read afterwards."""

    def encode(self, frames: Sequence[Image], times: Sequence[float], index: int) -> Unit:
        """Run the vision tower once on `unit_frames` frames (RGB, `[h, w, 3]`), batch size 1."""
        ...

    def choose(self, parts: PromptParts) -> Choice:
        """Answer by the logits of `parts.choices` in one forward pass."""
        ...

    def generate(self, parts: PromptParts, *, max_new_tokens: int) -> Generated:
        """Answer in writing, until the end token or `max_new_tokens`; the model's own settings go before."""
        ...


@runtime_checkable
class KeepsJpeg(Protocol):
    """A `Vlm` that takes frames as they travel, so that they are not decoded and encoded again."""

    def keep(self, jpeg: bytes, t: float, index: int) -> Unit:
        """The unit of a frame."""
        ...


@runtime_checkable
class Prefills(Protocol):
    """A `Vlm` that keeps what it computes of a stream's prefix, where `PromptParts.reuse` asks for it."""

    def prefill(self, parts: PromptParts) -> None:
        """Compute the prefix as far as its units close a stride; done already, it costs nothing."""
        ...

    def forget(self, stream: str) -> None:
        """Let go of a stream's prefix."""
        ...

    def kept_bytes(self, stream: str) -> int:
        """What is held for a stream."""
        ...

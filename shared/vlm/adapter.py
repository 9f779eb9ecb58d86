"""What differs between families of local models; everything else is the engine's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from torch import Tensor

from shared.vlm.base import Image, PromptParts, Unit

__all__ = ["FamilyAdapter"]


class FamilyAdapter(Protocol):
    """One family. Stateless after construction, so that many streams share one model."""

    unit_frames: int
    """Frames that one encoder step takes."""
    modality: Literal["image", "video"]
    """Key of `mm_encoder_outputs`, where the library takes rows that were computed before."""
    placeholder: int
    """Token id that visual rows replace."""

    def encode(self, frames: Sequence[Image], times: Sequence[float], index: int) -> Unit:
        """Run the vision tower on `unit_frames` frames, batch size 1."""
        ...

    def prompt(self, parts: PromptParts) -> str:
        """The rendered chat, one placeholder a unit, ending where the assistant begins."""
        ...

    def tail(self) -> Sequence[Unit]:
        """Visual rows behind the last frame, for families that have them."""
        ...

    def positions(self, ids: Tensor, units: Sequence[Unit]) -> Tensor:
        """Position ids of `ids` `[1, s]`: `[1, s]` or `[3, 1, s]`. From integers alone."""
        ...

    def pack(self, units: Sequence[Unit]) -> Any:
        """Rows of `units` as the model output that `mm_encoder_outputs` expects."""
        ...

"""Families whose video mode pools a frame's rows: each frame is a one-frame video of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from shared.vlm.base import Image, Unit
from shared.vlm.families.base import ChatAdapter
from shared.vlm.loading import Parts

__all__ = ["PooledFrames"]


class PooledFrames(ChatAdapter, ABC):
    """Frames through a plain image processor, then the library's video features."""

    modality: Literal["image", "video"] = "video"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._frames = self.frame_processor(parts.images)

    @abstractmethod
    def frame_processor(self, images: Any) -> Any:
        """What makes `[1, 3, h, w]` of a frame, with the settings of the checkpoint's image processor."""

    def pixels(self, frames: Sequence[Image]) -> Mapping[str, Any]:
        """`[1, 1, 3, h, w]`: one video of one frame."""
        made = self._frames(images=list(frames), return_tensors="pt", input_data_format="channels_last")
        return {"pixel_values_videos": made["pixel_values"][None]}

    def pack(self, units: Sequence[Unit]) -> Any:
        """All rows in one tensor `[1, n, d]`."""
        return BaseModelOutputWithPooling(pooler_output=torch.cat([unit.feats for unit in units])[None])

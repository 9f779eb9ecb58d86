"""LLaVA-NeXT-Video, in video mode: a frame is a one-frame video, pooled two by two.

As an image a frame would be cut into tiles and cost many times the rows.
"""

from __future__ import annotations

from typing import Any

import transformers

from shared.vlm.engine import LocalVlm
from shared.vlm.families.base import load_family
from shared.vlm.families.pooled import PooledFrames
from shared.vlm.spec import ModelSpec

__all__ = ["MODEL_TYPES", "NextVideoAdapter", "load"]

MODEL_TYPES = ("llava_next_video",)


class NextVideoAdapter(PooledFrames):
    """The frame's short edge at the tower's size, and its centre."""

    def frame_processor(self, images: Any) -> Any:
        """As the library's video processor of this family, not the base tile of its images."""
        make: Any = transformers.CLIPImageProcessorPil
        return make(
            size=dict(images.size),
            crop_size=dict(images.crop_size),
            image_mean=list(images.image_mean),
            image_std=list(images.image_std),
            resample=images.resample,
        )


def load(spec: ModelSpec) -> LocalVlm:
    """The `llava_next_video` backend."""
    return load_family(spec, model_types=MODEL_TYPES, adapters={"llava_next_video": NextVideoAdapter})

"""LLaVA-OneVision, in video mode: a frame is a one-frame video, pooled, with one newline row behind it.

As an image a frame would be cut into tiles and cost many times the rows.
"""

from __future__ import annotations

from typing import Any

import transformers

from shared.vlm.engine import LocalVlm
from shared.vlm.families.base import load_family
from shared.vlm.families.pooled import PooledFrames
from shared.vlm.spec import ModelSpec

__all__ = ["MODEL_TYPES", "OneVisionAdapter", "load"]

MODEL_TYPES = ("llava_onevision",)


class OneVisionAdapter(PooledFrames):
    """The whole frame, stretched to the tower's square."""

    def frame_processor(self, images: Any) -> Any:
        """As the library's video processor of this family: no tiles, no crop."""
        make: Any = transformers.SiglipImageProcessorPil
        return make(
            size=dict(images.size),
            image_mean=list(images.image_mean),
            image_std=list(images.image_std),
            resample=images.resample,
        )


def load(spec: ModelSpec) -> LocalVlm:
    """The `llava-onevision` backend."""
    return load_family(spec, model_types=MODEL_TYPES, adapters={"llava_onevision": OneVisionAdapter})

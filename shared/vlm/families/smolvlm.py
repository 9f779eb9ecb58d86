"""SmolVLM: one picture a frame, no tiles; the header with a frame count that its video mode has is not used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.vlm.base import Image
from shared.vlm.engine import LocalVlm
from shared.vlm.families.base import ChatAdapter, load_family
from shared.vlm.spec import ModelSpec

__all__ = ["MODEL_TYPES", "SmolVlmAdapter", "load"]

MODEL_TYPES = ("smolvlm",)


class SmolVlmAdapter(ChatAdapter):
    """A frame is the global picture that the processor puts in front of tiles."""

    pixel_settings = {"do_image_splitting": False}  # noqa: RUF012  # read only

    def pixels(self, frames: Sequence[Image]) -> Mapping[str, Any]:
        """`[1, 1, 3, h, w]` and which of its pixels are no padding."""
        made: Mapping[str, Any] = self._images(
            images=[list(frames)],
            return_tensors="pt",
            input_data_format="channels_last",
            **self.pixel_settings,
        )
        return made

    def around(self, slot: str) -> str:
        """As the library's processor writes an image without tiles."""
        tokens = self._tokenizer
        return f"{tokens.fake_image_token}{tokens.global_image_token}{slot}{tokens.fake_image_token}"


def load(spec: ModelSpec) -> LocalVlm:
    """The `smolvlm` backend."""
    return load_family(spec, model_types=MODEL_TYPES, adapters={"smolvlm": SmolVlmAdapter})

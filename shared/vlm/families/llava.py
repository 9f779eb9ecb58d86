"""LLaVA (`model_type: llava`), image mode: a unit is one frame; positions are plain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPooling

from shared.errors import ModelError
from shared.vlm import prompt
from shared.vlm.base import Image, PromptParts, Unit
from shared.vlm.checkpoint import open_checkpoint
from shared.vlm.engine import LocalVlm
from shared.vlm.loading import Parts, load_parts
from shared.vlm.spec import ModelSpec

__all__ = ["MODEL_TYPES", "LlavaAdapter", "load"]

MODEL_TYPES = ("llava",)


class LlavaAdapter:
    """The family adapter of LLaVA 1.5-like checkpoints, the tiny models among them."""

    unit_frames = 1
    modality: Literal["image", "video"] = "image"

    def __init__(self, parts: Parts) -> None:
        self._model, self._tokenizer, self._images = parts.model, parts.tokenizer, parts.images
        self.placeholder = int(parts.model.config.image_token_id)
        self._slot = str(parts.tokenizer.convert_ids_to_tokens(self.placeholder))

    def encode(self, frames: Sequence[Image], times: Sequence[float], index: int) -> Unit:
        """One frame, RGB `[h, w, 3]`, through tower and projector."""
        pixels = self._images(images=list(frames), return_tensors="pt", input_data_format="channels_last")
        values = pixels["pixel_values"].to(device=self._model.device, dtype=self._model.dtype)
        out = self._model.get_image_features(pixel_values=values, return_dict=True)
        return Unit(torch.cat(list(out.pooler_output)), (), (), tuple(times), index)

    def prompt(self, parts: PromptParts) -> str:
        """The chat template over `shared.vlm.prompt.messages`."""
        chat = prompt.messages(parts)
        for item in (item for message in chat for item in message["content"] if item["type"] == "text"):
            # A question that spells the placeholder would ask for rows that no frame has.
            item["text"] = item["text"].replace(self._slot, self._slot.strip("<>|"))
        text: str = self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        if (slots := text.count(self._slot)) != len(parts.units):
            raise ModelError(
                f"the chat template renders {slots} {self._slot} for {len(parts.units)} frames: "
                'it must render one for each {"type": "image"}'
            )
        return text

    def tail(self) -> Sequence[Unit]:
        """Nothing follows the last frame."""
        return ()

    def positions(self, ids: Tensor, units: Sequence[Unit]) -> Tensor:
        """Consecutive, `[1, s]`."""
        return torch.arange(ids.shape[1], device=ids.device)[None]

    def pack(self, units: Sequence[Unit]) -> Any:
        """One list of rows, in the order of their placeholders."""
        rows: Any = [unit.feats for unit in units]
        return BaseModelOutputWithPooling(pooler_output=rows)


def load(spec: ModelSpec) -> LocalVlm:
    """The `llava` backend."""
    checkpoint = open_checkpoint(spec, model_types=MODEL_TYPES)
    parts = load_parts(checkpoint, spec)
    return LocalVlm(checkpoint, spec, parts, LlavaAdapter(parts))

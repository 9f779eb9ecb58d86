"""InternVL in the library's own form (`internvl`; `internvl_chat` is remote code): one picture a frame, no tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from shared.vlm.base import Unit
from shared.vlm.engine import LocalVlm
from shared.vlm.families.base import ChatAdapter, load_family
from shared.vlm.spec import ModelSpec

__all__ = ["MODEL_TYPES", "InternVlAdapter", "load"]

MODEL_TYPES = ("internvl",)


class InternVlAdapter(ChatAdapter):
    """Rows stand between an image's start and end tokens."""

    pixel_settings = {"crop_to_patches": False}  # noqa: RUF012  # read only

    def around(self, slot: str) -> str:
        """As the library's processor writes it."""
        return f"{self._tokenizer.start_image_token}{slot}{self._tokenizer.end_image_token}"

    def pack(self, units: Sequence[Unit]) -> Any:
        """All rows in one tensor `[1, n, d]`."""
        return BaseModelOutputWithPooling(pooler_output=torch.cat([unit.feats for unit in units])[None])


def load(spec: ModelSpec) -> LocalVlm:
    """The `internvl` backend."""
    return load_family(spec, model_types=MODEL_TYPES, adapters={"internvl": InternVlAdapter})

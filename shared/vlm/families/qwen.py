"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL, in image mode: three-dimensional positions; Qwen3-VL has rows for deeper layers.

Image mode, since the resolution of a Qwen video depends on how many frames it has, and since a stamp in digits
stands before each frame in all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.models.qwen3_vl.modeling_qwen3_vl import BaseModelOutputWithDeepstackFeatures

from shared.vlm.base import Unit
from shared.vlm.engine import LocalVlm
from shared.vlm.families.base import ChatAdapter, load_family
from shared.vlm.spec import ModelSpec

__all__ = ["MODEL_TYPES", "Qwen3Adapter", "QwenAdapter", "load"]

MODEL_TYPES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")


class QwenAdapter(ChatAdapter):
    """Qwen2-VL and Qwen2.5-VL."""

    def grid(self, inputs: Mapping[str, Any]) -> tuple[int, ...]:
        """Patches `(time, height, width)`."""
        return tuple(int(n) for n in inputs["image_grid_thw"][0])

    def positions(self, ids: Tensor, units: Sequence[Unit]) -> Tensor:
        """`[3, 1, s]`: time, height and width."""
        grids = torch.tensor([unit.grid for unit in units], device=ids.device).reshape(-1, 3)
        return self._rope(ids, image_grid_thw=grids)


class Qwen3Adapter(QwenAdapter):
    """Qwen3-VL: rows are also added to the first layers of the language model."""

    def pack(self, units: Sequence[Unit]) -> Any:
        """Rows, and those of each deeper layer."""
        rows: Any = [unit.feats for unit in units]
        deep: Any = [[unit.deep[layer] for unit in units] for layer in range(len(units[0].deep))]
        return BaseModelOutputWithDeepstackFeatures(pooler_output=rows, deepstack_features=deep)


def load(spec: ModelSpec) -> LocalVlm:
    """The `qwen` backend."""
    adapters = {"qwen2_vl": QwenAdapter, "qwen2_5_vl": QwenAdapter, "qwen3_vl": Qwen3Adapter}
    return load_family(spec, model_types=MODEL_TYPES, adapters=adapters)

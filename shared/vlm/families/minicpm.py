"""MiniCPM-V 4.6 and 4.7 in the library's own form (2.6 to 4.5 are remote code): one picture a frame, no slices.

Some of their layers are recurrent: what they hold of a prefix can be copied, never cut back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from shared.vlm.base import Unit
from shared.vlm.engine import LocalVlm
from shared.vlm.families.base import ChatAdapter, load_family
from shared.vlm.spec import ModelSpec

__all__ = ["MODEL_TYPES", "MiniCpm47Adapter", "MiniCpmAdapter", "load"]

MODEL_TYPES = ("minicpmv4_6", "minicpmv4_7")


class MiniCpmAdapter(ChatAdapter):
    """4.6: plain positions. Image ids count within a prompt and would move with the window: they are off."""

    pixel_settings = {"slice_mode": False, "use_image_id": False}  # noqa: RUF012  # read only

    def around(self, slot: str) -> str:
        """As the library's processor writes an image without slices."""
        return f"{self._tokenizer.image_start_token}{slot}{self._tokenizer.image_end_token}"

    def grid(self, inputs: Mapping[str, Any]) -> tuple[int, ...]:
        """Patches `(height, width)`."""
        return tuple(int(n) for n in inputs["target_sizes"][0])


class MiniCpm47Adapter(MiniCpmAdapter):
    """4.7: positions on a canvas."""

    def positions(self, ids: Tensor, units: Sequence[Unit]) -> Tensor:
        """`[3, 1, s]`."""
        grids = torch.tensor([unit.grid for unit in units], device=ids.device).reshape(-1, 2)
        return self._rope(ids, target_sizes=grids)


def load(spec: ModelSpec) -> LocalVlm:
    """The `minicpm` backend."""
    adapters = {"minicpmv4_6": MiniCpmAdapter, "minicpmv4_7": MiniCpm47Adapter}
    return load_family(spec, model_types=MODEL_TYPES, adapters=adapters)

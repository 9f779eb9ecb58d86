"""LLaVA 1.5-like checkpoints (`llava`), the tiny models among them: plain rows, plain positions."""

from __future__ import annotations

from shared.vlm.engine import LocalVlm
from shared.vlm.families.base import ChatAdapter, load_family
from shared.vlm.spec import ModelSpec

__all__ = ["MODEL_TYPES", "LlavaAdapter", "load"]

MODEL_TYPES = ("llava",)


class LlavaAdapter(ChatAdapter):
    """Nothing differs from what the families have in common."""


def load(spec: ModelSpec) -> LocalVlm:
    """The `llava` backend."""
    return load_family(spec, model_types=MODEL_TYPES, adapters={"llava": LlavaAdapter})

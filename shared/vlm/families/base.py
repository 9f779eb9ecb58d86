"""What the families have in common: every unit is an image (or a one-step video) of its own, behind its time stamp.

So the same prompt order holds for all of them, any window is a list of units, and nothing that was encoded
depends on how many frames there are. A family differs in how pixels become rows, in the text around a
placeholder, and in positions.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
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

__all__ = ["ChatAdapter", "load_family"]


class ChatAdapter:
    """Images through the checkpoint's own image processor, prompts through its own chat template."""

    unit_frames = 1
    modality: Literal["image", "video"] = "image"
    pixel_settings: Mapping[str, Any] = {}
    """Given to the image processor at each call: tiling is off, so that a frame is one picture."""

    def __init__(self, parts: Parts) -> None:
        self._model, self._tokenizer, self._images = parts.model, parts.tokenizer, parts.images
        self._core = parts.model.model
        self.placeholder = _placeholder(parts.model.config, self.modality)
        self._slot = str(parts.tokenizer.convert_ids_to_tokens(self.placeholder))
        self._features: Any = getattr(self._core, f"get_{self.modality}_features")
        self._accepts = frozenset(inspect.signature(self._features).parameters)

    def encode(self, frames: Sequence[Image], times: Sequence[float], index: int) -> Unit:
        """The frames of one unit, RGB `[h, w, 3]`, through tower and projector."""
        inputs = self.pixels(frames)
        given = {key: self._placed(value) for key, value in inputs.items() if key in self._accepts}
        out = self._features(**given, return_dict=True)
        deep = tuple(torch.cat(list(rows)) for rows in getattr(out, "deepstack_features", None) or ())
        return Unit(_rows(out.pooler_output), deep, self.grid(inputs), tuple(times), index)

    def pixels(self, frames: Sequence[Image]) -> Mapping[str, Any]:
        """What the tower takes, as the image processor makes it."""
        made: Mapping[str, Any] = self._images(
            images=list(frames),
            return_tensors="pt",
            input_data_format="channels_last",
            **self.pixel_settings,
        )
        return made

    def grid(self, inputs: Mapping[str, Any]) -> tuple[int, ...]:
        """The patch grid that positions need; empty where they are plain."""
        return ()

    def prompt(self, parts: PromptParts) -> str:
        """The chat template over `shared.vlm.prompt.messages`, with the family's text around each placeholder."""
        chat = prompt.messages(parts)
        for item in (item for message in chat for item in message["content"]):
            if item["type"] == "text":
                # A question that spells the placeholder would ask for rows that no frame has.
                item["text"] = item["text"].replace(self._slot, self._slot.strip("<>|"))
            else:
                item["type"] = self.modality
        # Templates that know the name open or close a thought by it; others pass it over.
        thinking = {} if parts.think is None else {"enable_thinking": parts.think}
        text: str = self._tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True, **thinking
        )
        if (slots := text.count(self._slot)) != len(parts.units):
            raise ModelError(
                f"the chat template renders {slots} {self._slot} for {len(parts.units)} frames: "
                f'it must render one for each {{"type": "{self.modality}"}}'
            )
        return text.replace(self._slot, self.around(self._slot))

    def around(self, slot: str) -> str:
        """A placeholder with what the family's processor writes around it."""
        return slot

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

    def _placed(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        dtype = self._model.dtype if value.is_floating_point() else None
        return value.to(device=self._model.device, dtype=dtype)

    def _rope(self, ids: Tensor, **grids: Tensor) -> Tensor:
        """`[3, 1, s]`, from integers alone; never by the model's own `rope_deltas`, which other streams move."""
        kinds = torch.zeros_like(ids)
        kinds[ids == self.placeholder] = 1 if self.modality == "image" else 2
        found: Tensor = self._core.get_rope_index(ids, mm_token_type_ids=kinds, **grids)[0]
        return found


def load_family(
    spec: ModelSpec, *, model_types: tuple[str, ...], adapters: Mapping[str, type[ChatAdapter]]
) -> LocalVlm:
    """Load a checkpoint whose type is one of `model_types`; `adapters` says by type who adapts it."""
    checkpoint = open_checkpoint(spec, model_types=model_types)
    parts = load_parts(checkpoint, spec)
    return LocalVlm(checkpoint, spec, parts, adapters[checkpoint.model_type](parts))


def _placeholder(config: Any, modality: str) -> int:
    for name in (f"{modality}_token_id", f"{modality}_token_index"):
        if (found := getattr(config, name, None)) is not None:
            return int(found)
    raise ModelError(
        f"the checkpoint's config names no {modality}_token_id: it is no model that sees {modality}s"
    )


def _rows(pooled: Any) -> Tensor:
    """`[n, d]` from a list of `[n_i, d]`, or from a stacked `[1, n, d]`."""
    rows = pooled if isinstance(pooled, Tensor) else torch.cat(list(pooled))
    return rows.reshape(-1, rows.shape[-1])

"""A batch of lessons, end to end in one row of tokens, and what the model says at some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration

from bench.tiny.decoder import decode
from bench.tiny.layout import Layer, Read, lay_out
from bench.tiny.lessons import Lesson

__all__ = ["Packed", "pack", "scores"]


@dataclass(frozen=True)
class Packed:
    """Lessons as tensors."""

    ids: Tensor
    """`[tokens]`."""
    positions: Tensor
    rows: Tensor
    """Rows of all frames shown, `[image tokens, vision width]`."""
    layers: list[Layer]
    outputs: list[tuple[Tensor, Tensor]]
    """For each layer: places among its output, and which reads they are."""
    reads: int


def pack(lessons: Sequence[Lesson], rows: Tensor, reads: Sequence[Read], layers: int) -> Packed:
    """Lay lessons end to end; each block continues the frames, or the block that it stands behind."""
    ids: list[int] = []
    positions: list[int] = []
    for lesson in lessons:
        first = len(lesson.prefix)
        ids += lesson.prefix
        positions += range(first)
        for b in lesson.blocks:
            start = first + (len(lesson.blocks[b.behind].ids) if b.behind is not None else 0)
            ids += b.ids
            positions += range(start, start + len(b.ids))
    shown = [rows[x.scene, x.seconds].flatten(0, 1) for x in lessons if x.seconds] or [rows[0, 0, :0]]
    work, outputs = lay_out(lessons, reads, layers)
    flat = torch.from_numpy(np.array(ids)), torch.from_numpy(np.array(positions))
    return Packed(*flat, torch.cat(shown).float(), work, outputs, len(reads))


def scores(model: LlavaForConditionalGeneration, packed: Packed, image: int) -> Tensor:
    """Scores `[reads, vocabulary]`; what is read below the top goes through the last norm first, too."""
    embeds = model.get_input_embeddings()(packed.ids)
    shown = model.model.multi_modal_projector(packed.rows)
    embeds = embeds.masked_scatter((packed.ids == image).unsqueeze(-1), shown)
    states = decode(model, embeds, packed.positions, packed.layers)
    norm = model.model.language_model.norm
    found, order = [], []
    for i, (state, (places, which)) in enumerate(zip(states, packed.outputs, strict=True)):
        at = state[places]
        found.append(at if i == len(states) - 1 else norm(at))
        order.append(which)
    back = torch.empty(packed.reads, dtype=torch.long)
    back[torch.cat(order)] = torch.arange(packed.reads)
    head: Tensor = model.lm_head(torch.cat(found)[back])
    return head

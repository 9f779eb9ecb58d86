"""Confidence: one temperature a model, fitted on validation scenes, so that probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from transformers import LlavaForConditionalGeneration

from bench.tiny.decoder import depth
from bench.tiny.layout import Read
from bench.tiny.lessons import Block, Lesson
from bench.tiny.memory_lessons import MemoryTeacher
from bench.tiny.packed import pack, scores

__all__ = ["Calibration", "calibrate"]


class Calibration(NamedTuple):
    """What was found on validation scenes."""

    temperature: float
    accuracy: float
    """Of the letters, over answerable and unanswerable questions as lessons mix them."""


@torch.no_grad()
def calibrate(
    model: LlavaForConditionalGeneration,
    rows: Tensor,
    teacher: MemoryTeacher,
    lesson: Callable[[MemoryTeacher], Lesson],
    *,
    lessons: int = 160,
) -> Calibration:
    """The temperature that makes the gold letters of validation lessons likeliest (Guo et al. 2017)."""
    said, gold = [], []
    layers = depth(model)
    for _ in range(0, lessons, 8):
        drawn, reads, end = [lesson(teacher) for _ in range(8)], [], 0
        for one in drawn:
            end += len(one.prefix)
            for block in one.blocks:
                end += len(block.ids)
                if _is_choice(block, teacher):
                    reads.append(Read(end - 2, layers))
                    gold.append(teacher.letters.index(block.ids[-1]))
        said.append(scores(model, pack(drawn, rows, reads, layers), teacher.image)[:, teacher.letters])
    logits, target = torch.cat(said), torch.tensor(gold)
    grid = torch.logspace(-1.0, 1.0, 161)
    losses = torch.stack([F.cross_entropy(logits / t, target) for t in grid])
    accuracy = (logits.argmax(-1) == target).float().mean()
    return Calibration(float(grid[losses.argmin()]), float(accuracy))


def _is_choice(block: Block, teacher: MemoryTeacher) -> bool:
    """Whether it ends in a letter that stands for an option, with no way to wait."""
    answered = any(kind == "answer" for _, _, kind in block.targets)
    return answered and block.ids[-1] in teacher.letters and not block.name.startswith("find")

"""Confidence: one temperature a model, fitted on validation scenes, so that probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from transformers import LlavaForConditionalGeneration

from bench.tiny.learn import collate, hidden
from bench.tiny.lessons import Block, Lesson
from bench.tiny.memory_lessons import MemoryTeacher

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
    scores, gold = [], []
    for _ in range(0, lessons, 8):
        drawn = [lesson(teacher) for _ in range(8)]
        out = hidden(model, collate(drawn, rows), teacher.image)[-1]
        for i, one in enumerate(drawn):
            end = len(one.prefix)
            for block in one.blocks:
                end += len(block.ids)
                if _is_choice(block, teacher):
                    scores.append(model.lm_head(out[i, end - 2])[teacher.letters])
                    gold.append(teacher.letters.index(block.ids[-1]))
    logits, target = torch.stack(scores), torch.tensor(gold)
    grid = torch.logspace(-1.0, 1.0, 161)
    losses = torch.stack([F.cross_entropy(logits / t, target) for t in grid])
    accuracy = (logits.argmax(-1) == target).float().mean()
    return Calibration(float(grid[losses.argmin()]), float(accuracy))


def _is_choice(block: Block, teacher: MemoryTeacher) -> bool:
    """Whether it ends in a letter that stands for an option, with no way to wait."""
    answered = any(kind == "answer" for _, _, kind in block.targets)
    return answered and block.ids[-1] in teacher.letters and not block.name.startswith("find")

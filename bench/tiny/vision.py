"""First stage: the vision tower and projector learn to say, in word embeddings, what each grid cell holds.

The projected row of a cell is scored against the language model's own embeddings of colour, shape and place words, so
that the decoder starts with rows that it can read. Afterwards the tower is frozen and its rows are computed once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from transformers import LlavaForConditionalGeneration

from bench.tiny.frames import FramePool
from bench.tiny.tokenizer import build_tokenizer, token_id
from shared.video.synth import CELLS, Colour, Quadrant, Scene, Shape, quadrant

__all__ = ["cell_targets", "frame_rows", "pixels", "tower_rows", "train_vision"]

NOTHING = "nothing"
_COLOURS, _SHAPES = [NOTHING, *map(str, Colour)], [NOTHING, *map(str, Shape)]


def pixels(frames: NDArray[np.uint8]) -> Tensor:
    """Frames `[n, 96, 96, 3]` as the image processor normalises them, `[n, 3, 96, 96]`."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def tower_rows(model: LlavaForConditionalGeneration, values: Tensor) -> Tensor:
    """The tower's rows without the class token, `[n, 16, vision_width]`."""
    hidden: Tensor = model.model.vision_tower(values).last_hidden_state
    return hidden[:, 1:]


def cell_targets(scene: Scene, t: int) -> NDArray[np.int64]:
    """Colour and shape of each cell at `t`, `[2, 16]`; 0 is an empty cell."""
    target = np.zeros((2, CELLS), dtype=np.int64)
    for placed in scene.objects_at(t):
        target[0, placed.cell] = _COLOURS.index(placed.colour)
        target[1, placed.cell] = _SHAPES.index(placed.shape)
    return target


class _CellReader(nn.Module):
    """Scores of a projected row, by the language model's embeddings of the words."""

    def __init__(self, model: LlavaForConditionalGeneration) -> None:
        super().__init__()
        tokenizer = build_tokenizer()
        embed: Any = model.get_input_embeddings()
        self.embed: nn.Embedding = embed
        words = (_COLOURS, _SHAPES, list(map(str, Quadrant)))
        self.ids = [torch.tensor([token_id(tokenizer, word) for word in row]) for row in words]
        self.cell = nn.Linear(self.embed.embedding_dim, CELLS)
        self.places = torch.tensor([list(Quadrant).index(quadrant(c)) for c in range(CELLS)])

    def forward(self, rows: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, and how many occupied cells are read right, of rows `[n, 16, d]` and targets `[n, 2, 16]`."""
        normed = F.rms_norm(rows, rows.shape[-1:])
        colour, shape, place = (normed @ self.embed(ids).T for ids in self.ids)
        n = len(rows)
        loss = F.cross_entropy(colour.flatten(0, 1), target[:, 0].flatten())
        loss = loss + F.cross_entropy(shape.flatten(0, 1), target[:, 1].flatten())
        loss = loss + 0.3 * F.cross_entropy(place.flatten(0, 1), self.places.repeat(n))
        loss = loss + 0.3 * F.cross_entropy(self.cell(normed).flatten(0, 1), torch.arange(CELLS).repeat(n))
        right = (colour.argmax(-1) == target[:, 0]) & (shape.argmax(-1) == target[:, 1])
        return loss, right[target[:, 0] > 0].float().mean()


def train_vision(
    model: LlavaForConditionalGeneration,
    pool: FramePool,
    *,
    steps: int,
    seed: int,
    progress: Callable[[str], None],
    batch: int = 96,
) -> None:
    """Train tower, projector and word embeddings, in place."""
    rng = np.random.default_rng(seed)
    reader = _CellReader(model)
    parts = [model.model.vision_tower, model.model.multi_modal_projector, reader]
    weights = list(dict.fromkeys(p for part in parts for p in part.parameters()))
    optimizer = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=steps, pct_start=0.1)
    seconds = pool.frames.shape[1]
    for step in range(1, steps + 1):
        which, when = rng.integers(len(pool.scenes), size=batch), rng.integers(seconds, size=batch)
        target = np.stack([cell_targets(pool.scenes[i], int(t)) for i, t in zip(which, when, strict=True)])
        rows = model.model.multi_modal_projector(tower_rows(model, pixels(pool.frames[which, when])))
        loss, right = reader(rows, torch.from_numpy(target))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            progress(f"vision step {step} of {steps}: loss {loss.item():.4f}, cells right {right.item():.3f}")


def frame_rows(model: LlavaForConditionalGeneration, pool: FramePool, *, threads: int) -> Tensor:
    """The frozen tower's rows of every frame of a pool, `[scene, second, 16, vision_width]`, half precision."""

    @torch.no_grad()
    def rows(frames: NDArray[np.uint8]) -> Tensor:
        return tower_rows(model, pixels(frames)).half()

    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as workers:
        return torch.stack(list(workers.map(rows, pool.frames)))

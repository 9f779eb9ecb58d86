"""Second stage: the language model learns from lessons, with the vision tower frozen and its rows computed before.

Questions of a lesson share its frames' prefix under a block mask, so that many are learnt for the price of one clip.
Training resumes from its last checkpoint.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from transformers import LlavaForConditionalGeneration

from bench.tiny.lessons import Lesson, Teacher

__all__ = ["Batch", "Course", "collate", "hidden", "learn", "run_batch"]

PROMOTE_EVERY = 25
WEIGHTS = {
    "answer": 1.0,
    "hint": 0.5,
    "flag": 0.15,
    "caption": 0.3,
    "bind": 0.1,
    "lookup": 0.5,
    "doubt": 0.35,
}
DEPTH = {"answer": 1.0, "hint": 0.67, "flag": 0.83, "caption": 1.0, "bind": 0.17, "lookup": 0.5, "doubt": 1.0}
"""After which share of the layers a target is read. Seeing must be done half way, so that layers are left for finding
the option that says the same, and one for naming its letter; read at the top, letters stall far below the hints."""


@dataclass(frozen=True)
class Batch:
    """Lessons as tensors; `t*` are the supervised places."""

    ids: Tensor
    mask: Tensor
    positions: Tensor
    rows: Tensor
    t_at: Tensor
    """`[n, 2]`: lesson, position."""
    t_word: Tensor
    t_weight: Tensor
    t_depth: Tensor
    """Share of the layers after which it is read."""
    t_name: list[str]
    even_at: Tensor


@dataclass(frozen=True)
class Course:
    """One stretch of training."""

    name: str
    steps: int
    rate: float
    lesson: Callable[[Teacher, float], Lesson]
    """A lesson for a moment of the course, 0 its beginning and 1 its end."""
    batch: int = 12
    flat: bool = False
    """A constant rate after the warm-up, instead of one that falls."""
    promote: Callable[[Teacher, Mapping[str, float]], bool] | None = None
    """Asked every `PROMOTE_EVERY` steps with the shares of right predictions since: may set `teacher.level`, and ends
    the course by saying true."""


def collate(lessons: Sequence[Lesson], rows: Tensor) -> Batch:
    """Pad lessons and build the block mask: causal, within a block, the one that it continues, and the prefix."""
    sizes = [len(x.prefix) + sum(len(b.ids) for b in x.blocks) for x in lessons]
    n, width = len(lessons), max(sizes)
    ids, block = torch.zeros(n, width, dtype=torch.long), torch.full((n, width), -1)
    behind, positions = torch.zeros(n, width, dtype=torch.long), torch.zeros(n, width, dtype=torch.long)
    at, words, weights, depths, names, even = [], [], [], [], [], []
    for i, lesson in enumerate(lessons):
        end = len(lesson.prefix)
        ids[i, :end], block[i, :end], positions[i, :end] = torch.tensor(lesson.prefix), 0, torch.arange(end)
        for j, b in enumerate(lesson.blocks, start=1):
            stop = end + len(b.ids)
            ids[i, end:stop], block[i, end:stop] = torch.tensor(b.ids), j
            first = len(lesson.prefix)
            if b.behind is not None:
                behind[i, end:stop] = b.behind + 1
                first += len(lesson.blocks[b.behind].ids)
            positions[i, end:stop] = torch.arange(len(b.ids)) + first
            for where, word, kind in b.targets:
                at.append((i, end + where))
                words.append(word)
                weights.append(WEIGHTS[kind])
                depths.append(DEPTH[kind])
                names.append(
                    b.name if kind == "answer" else f"{b.name}/{kind}" if kind != "caption" else "caption"
                )
            even += [(i, end + where) for where in b.even]
            end = stop
    same = (block[:, :, None] == block[:, None, :]) | (block[:, None, :] == 0) & (block[:, :, None] > 0)
    same |= (behind[:, :, None] == block[:, None, :]) & (block[:, None, :] > 0)
    mask = (same & torch.ones(width, width, dtype=torch.bool).tril()).unsqueeze(1)
    shown = [rows[x.scene, x.seconds].flatten(0, 1) for x in lessons if x.seconds] or [rows[0, 0, :0]]
    return Batch(
        ids, mask, positions, torch.cat(shown).float(), torch.tensor(at), torch.tensor(words), torch.tensor(weights),
        torch.tensor(depths), names, torch.tensor(even, dtype=torch.long).reshape(-1, 2),
    )  # fmt: skip


def hidden(model: LlavaForConditionalGeneration, batch: Batch, image: int) -> tuple[Tensor, ...]:
    """The language model's states after each layer, `[lessons, positions, width]`; the last as the head reads it."""
    embeds = model.get_input_embeddings()(batch.ids)
    shown = model.model.multi_modal_projector(batch.rows)
    embeds = embeds.masked_scatter((batch.ids == image).unsqueeze(-1), shown)
    out = model.model.language_model(
        inputs_embeds=embeds,
        attention_mask=batch.mask,
        position_ids=batch.positions,
        use_cache=False,
        output_hidden_states=True,
    )
    return (*out.hidden_states[1:-1], out.last_hidden_state)


def run_batch(model: LlavaForConditionalGeneration, batch: Batch, image: int) -> tuple[Tensor, Tensor]:
    """Scores `[n_targets, vocabulary]` at the supervised places, and at those where letters should be even."""
    states = hidden(model, batch, image)
    n, layers = len(batch.t_at), (batch.t_depth * len(states)).round().long() - 1
    picked = torch.zeros(n, states[-1].shape[-1])
    for layer in set(layers.tolist()):
        here = layers == layer
        found = states[layer][batch.t_at[here, 0], batch.t_at[here, 1]]
        top = layer == len(states) - 1
        picked = picked.index_put(
            (here.nonzero()[:, 0],), found if top else model.model.language_model.norm(found)
        )
    even = states[-1][batch.even_at[:, 0], batch.even_at[:, 1]]
    return model.lm_head(picked), model.lm_head(even)


def _loss(scores: Tensor, even: Tensor, batch: Batch, letters: Sequence[int]) -> Tensor:
    each = F.cross_entropy(scores, batch.t_word, reduction="none") * batch.t_weight
    loss = each.sum() / batch.t_weight.sum()
    if len(even):
        loss = loss - 0.2 * F.log_softmax(even, -1)[:, list(letters)].mean()
    return loss


class _Tally:
    """Share of right predictions by name."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, scores: Tensor, batch: Batch, eos: int) -> None:
        right = (scores.argmax(-1) == batch.t_word).tolist()
        for name, ok, word in zip(batch.t_name, right, batch.t_word.tolist(), strict=True):
            if word != eos or name == "caption":
                self.counts[name][0] += ok
                self.counts[name][1] += 1

    def shares(self) -> dict[str, float]:
        """Share of right predictions since the last report, by name."""
        return {name: a / b for name, (a, b) in self.counts.items()}

    def text(self) -> str:
        """The same as a line; starts anew."""
        found = {name: f"{a / b:.3f}" for name, (a, b) in sorted(self.counts.items())}
        self.counts.clear()
        return " ".join(f"{name}={share}" for name, share in found.items())


def _rate(step: int, course: Course) -> float:
    """Warm up for a twentieth, then a cosine down to a fiftieth of the peak, unless the course is flat."""
    steps = course.steps
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    if course.flat:
        return 1.0
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def learn(
    model: LlavaForConditionalGeneration,
    rows: Tensor,
    teacher: Teacher,
    course: Course,
    *,
    checkpoint: Path,
    progress: Callable[[str], None],
    save_every_s: float = 60.0,
) -> None:
    """Train in place; a checkpoint of the same course is taken up where it was left."""
    weights = [p for n, p in model.named_parameters() if "vision_tower" not in n]
    optimizer = torch.optim.AdamW(weights, lr=course.rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: _rate(s, course))
    start = _restore(checkpoint, model, optimizer, schedule, teacher)
    tally, began, saved = _Tally(), time.monotonic(), time.monotonic()
    for step in range(start + 1, course.steps + 1):
        batch = collate([course.lesson(teacher, step / course.steps) for _ in range(course.batch)], rows)
        scores, even = run_batch(model, batch, teacher.image)
        loss = _loss(scores, even, batch, teacher.letters)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        tally.add(scores, batch, teacher.eos)
        last = step == course.steps
        if course.promote is not None and step % PROMOTE_EVERY == 0:
            shares = tally.shares()
            last = course.promote(teacher, shares) or last
            progress(f"{course.name} step {step}: level {teacher.level} {tally.text()}")
        elif step % 100 == 0 or last:
            took = time.monotonic() - began
            progress(
                f"{course.name} step {step} of {course.steps} ({took:.0f} s): loss {loss.item():.4f} {tally.text()}"
            )
        if time.monotonic() - saved > save_every_s or last:
            saved = time.monotonic()
            _save(checkpoint, model, optimizer, schedule, teacher, course.steps if last else step)
        if last:
            break


def _save(path: Path, model: nn.Module, optimizer: Any, schedule: Any, teacher: Teacher, step: int) -> None:
    state = {
        "step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(), "rng": teacher.rng.getstate(), "level": teacher.level,
    }  # fmt: skip
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


def _restore(path: Path, model: nn.Module, optimizer: Any, schedule: Any, teacher: Teacher) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    teacher.level = state.get("level", 0)
    kind, internal, gauss = state["rng"]
    teacher.rng.setstate((kind, tuple(internal), gauss))
    return int(state["step"])

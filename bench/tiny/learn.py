"""Second stage: the language model learns from lessons, with the vision tower frozen and its rows computed before.

Questions of a lesson share its frames' prefix, so that many are learnt for the price of one clip. The halves of a
batch are worked on by a thread each. Training resumes from its last checkpoint.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from transformers import LlavaForConditionalGeneration

from bench.tiny.decoder import depth
from bench.tiny.layout import Read
from bench.tiny.lessons import Lesson, Teacher
from bench.tiny.muon import Muon
from bench.tiny.packed import Packed, pack, scores

__all__ = ["Batch", "Course", "Workers", "collate", "learn", "run_batch"]

PROMOTE_EVERY = 25
WEIGHTS = {
    "answer": 1.0,
    "hint": 0.5,
    "flag": 0.15,
    "caption": 0.5,
    "bind": 0.1,
    "lookup": 0.5,
    "doubt": 0.35,
}
DEPTH = {"answer": 1.0, "hint": 0.67, "flag": 0.83, "caption": 1.0, "bind": 0.17, "lookup": 0.5, "doubt": 1.0}
"""After which share of the layers a target is read. Seeing must be done half way, so that layers are left for finding
the option that says the same, and one for naming its letter; read at the top, letters stall far below the hints."""


SHARES = 2
"""Parts of a batch; a thread each, if there are as many."""


@dataclass(frozen=True)
class Batch:
    """Lessons as tensors; `t*` are the supervised places, and the first of its reads."""

    packed: Packed
    t_word: Tensor
    t_weight: Tensor
    t_name: list[str]
    even: int
    """How many places there are at which letters should be even; the last of its reads."""


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


def collate(lessons: Sequence[Lesson], rows: Tensor, layers: int) -> Batch:
    """Lay out lessons for a model of so many layers, with their targets."""
    targets: list[Read] = []
    even: list[Read] = []
    words, weights, names, end = [], [], [], 0
    for lesson in lessons:
        end += len(lesson.prefix)
        for b in lesson.blocks:
            for where, word, kind in b.targets:
                targets.append(Read(end + where, max(1, round(DEPTH[kind] * layers))))
                words.append(word)
                weights.append(WEIGHTS[kind])
                names.append(
                    b.name if kind == "answer" else f"{b.name}/{kind}" if kind != "caption" else "caption"
                )
            even += [Read(end + where, layers) for where in b.even]
            end += len(b.ids)
    packed = pack(lessons, rows, targets + even, layers)
    return Batch(packed, torch.tensor(words), torch.tensor(weights), names, len(even))


def run_batch(model: LlavaForConditionalGeneration, batch: Batch, image: int) -> tuple[Tensor, Tensor]:
    """Scores `[n_targets, vocabulary]` at the supervised places, and at those where letters should be even."""
    found = scores(model, batch.packed, image)
    return found[: len(batch.t_word)], found[len(batch.t_word) :]


class _Done(NamedTuple):
    """One share of a batch, worked through."""

    loss: float
    grads: tuple[Tensor, ...]
    said: Tensor


class Workers:
    """Works through the shares of a batch; the sum doesn't depend on how many threads there are."""

    def __init__(
        self, model: LlavaForConditionalGeneration, teacher: Teacher, pool: ThreadPoolExecutor
    ) -> None:
        self._model, self.teacher, self._pool = model, teacher, pool
        self.weights = [p for n, p in model.named_parameters() if "vision_tower" not in n]
        self._layers = depth(model)

    def step(self, lessons: Sequence[Lesson], rows: Tensor) -> tuple[float, list[Batch], list[_Done]]:
        """Set the gradients of the mean loss; returns it, and what was said where."""
        shares = [x for i in range(SHARES) if (x := lessons[i::SHARES])]
        batches = list(self._pool.map(lambda x: collate(x, rows, self._layers), shares))
        weight, even = sum(float(b.t_weight.sum()) for b in batches), sum(b.even for b in batches)
        done = list(self._pool.map(lambda b: self._work(b, weight, even), batches))
        for weights, *grads in zip(self.weights, *(d.grads for d in done), strict=True):
            weights.grad = torch.stack(grads).sum(0)
        return sum(d.loss for d in done), batches, done

    def _work(self, batch: Batch, weight: float, even: int) -> _Done:
        said, letters = run_batch(self._model, batch, self.teacher.image)
        each = F.cross_entropy(said, batch.t_word, reduction="none") * batch.t_weight
        loss = each.sum() / weight
        if batch.even:
            loss = loss - 0.2 * F.log_softmax(letters, -1)[:, self.teacher.letters].mean(1).sum() / even
        grads = torch.autograd.grad(loss, self.weights, materialize_grads=True)
        return _Done(loss.item(), grads, said.detach().argmax(-1))


class _Tally:
    """Share of right predictions by name."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, said: Tensor, batch: Batch, eos: int) -> None:
        right = (said == batch.t_word).tolist()
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
    threads: int = 1,
) -> None:
    """Train in place; a checkpoint of the same course is taken up where it was left."""
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        _learn(
            Workers(model, teacher, pool), model, rows, teacher, course, checkpoint, progress, save_every_s
        )


def _learn(
    workers: Workers,
    model: LlavaForConditionalGeneration,
    rows: Tensor,
    teacher: Teacher,
    course: Course,
    checkpoint: Path,
    progress: Callable[[str], None],
    save_every_s: float,
) -> None:
    optimizer = Muon(model, course.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: _rate(s, course))
    start = _restore(checkpoint, model, optimizer, schedule, teacher)
    tally, saved, wall, cpu = _Tally(), time.monotonic(), time.monotonic(), time.process_time()
    for step in range(start + 1, course.steps + 1):
        lessons = [course.lesson(teacher, step / course.steps) for _ in range(course.batch)]
        loss, batches, done = workers.step(lessons, rows)
        nn.utils.clip_grad_norm_(workers.weights, 1.0)
        optimizer.step()
        schedule.step()
        for batch, one in zip(batches, done, strict=True):
            tally.add(one.said, batch, teacher.eos)
        last = step == course.steps
        took = f"{time.monotonic() - wall:.0f} s, {time.process_time() - cpu:.0f} s of CPU"
        if course.promote is not None and step % PROMOTE_EVERY == 0:
            last = course.promote(teacher, tally.shares()) or last
            progress(f"{course.name} step {step} ({took}): level {teacher.level} {tally.text()}")
        elif step % 100 == 0 or last:
            progress(f"{course.name} step {step} of {course.steps} ({took}): loss {loss:.4f} {tally.text()}")
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

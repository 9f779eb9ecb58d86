"""Train `tiny-s1` and `tiny-s2` from a seed and nothing else, in stages that a second call takes up where one stopped.

Stages: frames → vision tower → `tiny-s1` (one frame first, then its window, then standing questions too) → `tiny-s2`
(begins as `tiny-s1`; reads notes first, then frames and notes). Work files stand in `OUT/work`, the finished
checkpoints in `OUT/tiny-s1` and
`OUT/tiny-s2`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration

from bench.data.world import Split, split_seeds
from bench.tiny.calibrate import calibrate
from bench.tiny.card import card
from bench.tiny.frames import FramePool, make_pool, training_scene
from bench.tiny.heap import keep_freed_memory
from bench.tiny.learn import Course, learn
from bench.tiny.lessons import Lesson, Teacher
from bench.tiny.memory_lessons import MemoryTeacher, promote
from bench.tiny.model import Size, build_model, save_checkpoint
from bench.tiny.vision import frame_rows, train_vision
from shared.errors import ConfigError
from shared.video.synth import Scene

__all__ = ["FULL", "MODELS", "QUICK", "Plan", "courses", "train"]

MODELS = ("tiny-s1", "tiny-s2")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much training."""

    scenes: int = 300
    validation_scenes: int = 24
    duration_s: int = 90
    vision_steps: int = 500
    fast_steps: int = 800
    standing_steps: int = 500
    reading_steps: int = 600
    slow_steps: int = 800
    fast_batch: int = 12
    slow_batch: int = 6
    rate: float = 2e-3
    standing_rate: float = 1e-3
    reading_rate: float = 1.5e-3
    slow_rate: float = 1.2e-3


FULL = Plan()
QUICK = Plan(
    scenes=6,
    validation_scenes=2,
    duration_s=40,
    vision_steps=20,
    fast_steps=6,
    standing_steps=4,
    reading_steps=4,
    slow_steps=4,
    fast_batch=4,
    slow_batch=2,
)
"""Minutes of training become seconds: it shows that everything runs, not what it can reach."""


@dataclass(frozen=True)
class _Ground:
    """What all later stages stand on."""

    scenes: tuple[Scene, ...]
    rows: Tensor
    validation: tuple[Scene, ...]
    validation_rows: Tensor
    vision: dict[str, Tensor]


def train(
    out_dir: Path,
    *,
    seed: int,
    models: Sequence[str] = MODELS,
    progress: Progress = print,
    quick: bool = False,
    plan: Plan | None = None,
    threads: int = 2,
) -> None:
    """Train the models named and write their checkpoint folders; raises `ConfigError` for an unknown name.

    `tiny-s2` begins as `tiny-s1`, so that one is trained first even when it isn't asked for.
    """
    if unknown := set(models) - set(MODELS):
        raise ConfigError(f"no tiny model is called {sorted(unknown)[0]!r}: choose among {', '.join(MODELS)}")
    plan = plan or (QUICK if quick else FULL)
    torch.set_num_threads(1)  # threads work on lessons of their own: they wait for each other once a step
    keep_freed_memory()
    work = out_dir / "work"
    work.mkdir(parents=True, exist_ok=True)
    ground = _ground(work, plan, seed, threads, progress)
    model = build_model(Size(), seed=seed)
    model.load_state_dict(ground.vision)
    for name in MODELS[: 1 + max(map(MODELS.index, models), default=0)]:
        teacher = MemoryTeacher(ground.scenes, seed=seed + MODELS.index(name))
        for course in courses(name, plan):
            path = work / f"{course.name}.pt"
            learn(model, ground.rows, teacher, course, checkpoint=path, progress=progress, threads=threads)
        if name in models:
            export(model, out_dir / name, name, seed, ground.validation, ground.validation_rows, progress)


def export(
    model: LlavaForConditionalGeneration,
    folder: Path,
    name: str,
    seed: int,
    scenes: Sequence[Scene],
    rows: Tensor,
    progress: Progress,
) -> None:
    """Calibrate on validation scenes, and write the checkpoint folder."""
    exam = _fast_exam if name == "tiny-s1" else _slow_exam
    found = calibrate(model, rows, MemoryTeacher(scenes, seed=seed), exam)
    meta = {
        "name": name,
        "part": "realtime" if name == "tiny-s1" else "reasoning",
        "seed": seed,
        "temperature": round(found.temperature, 4),
        "word_temperature": 1.0,  # doubt is part of those lessons
        "validation_accuracy": round(found.accuracy, 4),
        "world": "synth/1",
    }
    save_checkpoint(model, folder, meta=meta, card=card(name, meta))
    progress(f"{name} written: temperature {found.temperature:.3f}, validation accuracy {found.accuracy:.3f}")


def _fast_lesson(teacher: Teacher, moment: float) -> Lesson:
    """One frame at first, then two, then the whole window; drills between, many at first."""
    if teacher.rng.random() < (0.5 if moment < 0.12 else 0.2 if moment < 0.4 else 0.08):
        return teacher.drill()
    most = 1 if moment < 0.3 else 2 if moment < 0.4 else 6
    return teacher.fast(6 if most == 6 and teacher.rng.random() < 0.7 else teacher.rng.randint(1, most))


def _standing_lesson(teacher: Teacher, _: float) -> Lesson:
    """Standing questions; fewer about now, which are mostly known by then; short clips, so that notes stay right."""
    assert isinstance(teacher, MemoryTeacher)
    return teacher.stand(6 if teacher.rng.random() < 0.6 else teacher.rng.randint(1, 4), keep=0.6)


def _reading_lesson(teacher: Teacher, _: float) -> Lesson:
    """Notes by themselves; now and then frames, so that seeing isn't forgotten."""
    assert isinstance(teacher, MemoryTeacher)
    return teacher.look() if teacher.rng.random() < 0.2 else teacher.recite()


def _slow_lesson(teacher: Teacher, _: float) -> Lesson:
    """Frames and notes together; frames alone, and notes alone now and then."""
    assert isinstance(teacher, MemoryTeacher)
    chance = teacher.rng.random()
    return (
        teacher.recite() if chance < 0.06 else teacher.look() if chance < 0.36 else teacher.slow(3, notes=0.9)
    )


def _fast_exam(teacher: MemoryTeacher) -> Lesson:
    return teacher.fast(6)


def _slow_exam(teacher: MemoryTeacher) -> Lesson:
    return teacher.slow(2)


def courses(name: str, plan: Plan) -> list[Course]:
    """The stretches of training that end in a model; the second one goes on from the first."""
    if name == "tiny-s1":
        return [
            Course(name, plan.fast_steps, plan.rate, _fast_lesson, batch=plan.fast_batch),
            Course(
                f"{name}-standing",
                plan.standing_steps,
                plan.standing_rate,
                _standing_lesson,
                batch=plan.fast_batch,
            ),
        ]
    return [
        Course(
            f"{name}-reading", plan.reading_steps, plan.reading_rate, _reading_lesson,
            batch=plan.fast_batch, flat=True, promote=promote,
        ),
        Course(name, plan.slow_steps, plan.slow_rate, _slow_lesson, batch=plan.slow_batch),
    ]  # fmt: skip


def _pool(path: Path, seeds: Sequence[int], plan: Plan, workers: int, progress: Progress) -> FramePool:
    if path.exists():
        progress("frames: taken from an earlier call")
        scenes = tuple(training_scene(seed, plan.duration_s) for seed in seeds)
        return FramePool(scenes, np.load(path))
    pool = make_pool(seeds, duration_s=plan.duration_s, workers=workers, progress=progress)
    with path.with_suffix(".part").open("wb") as file:
        np.save(file, pool.frames)
    path.with_suffix(".part").rename(path)
    return pool


def _ground(work: Path, plan: Plan, seed: int, threads: int, progress: Progress) -> _Ground:
    """Frames and the vision tower, or what an earlier call kept of them."""
    path = work / "vision.pt"
    seeds = split_seeds(Split.TRAIN, plan.scenes, start=seed * 100_000)
    held_out = split_seeds(Split.VALIDATION, plan.validation_scenes, start=seed * 100_000)
    scenes, validation = (tuple(training_scene(s, plan.duration_s) for s in x) for x in (seeds, held_out))
    if path.exists():
        progress("vision: taken from an earlier call")
        kept = torch.load(path, weights_only=True)
        return _Ground(scenes, kept["rows"], validation, kept["validation_rows"], kept["model"])
    pool = _pool(work / "frames.npy", seeds, plan, threads, progress)
    model = build_model(Size(), seed=seed)
    train_vision(model, pool, steps=plan.vision_steps, seed=seed, progress=progress)
    rows = frame_rows(model, pool, threads=threads)
    checks = frame_rows(
        model,
        make_pool(held_out, duration_s=plan.duration_s, workers=threads, progress=progress),
        threads=threads,
    )
    kept = {"rows": rows, "validation_rows": checks, "model": model.state_dict()}
    torch.save(kept, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)
    return _Ground(scenes, rows, validation, checks, model.state_dict())

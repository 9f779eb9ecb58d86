"""What training the tiny models costs: `python -m bench.tiny.cost` times a few steps of each stage, and adds up.

Seconds are those of the processor, which other work on the machine lengthens far less than it does those of the clock.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.world import Split, split_seeds
from bench.tiny.frames import FramePool, scene_frames, training_scene
from bench.tiny.heap import keep_freed_memory
from bench.tiny.learn import Course, Workers
from bench.tiny.memory_lessons import LEVELS, MemoryTeacher
from bench.tiny.model import Size, build_model
from bench.tiny.muon import Muon
from bench.tiny.train import FULL, MODELS, courses
from bench.tiny.vision import frame_rows, train_vision
from shared.video.synth import CELLS

__all__ = ["costs"]

_SCENES = 8


def costs(*, steps: int) -> dict[str, float]:
    """Processor seconds of each stage as a whole, from those of `steps` steps of it."""
    torch.set_num_threads(1)
    keep_freed_memory()
    seeds = split_seeds(Split.TRAIN, _SCENES)
    scenes = tuple(training_scene(seed, FULL.duration_s) for seed in seeds)
    model, found = build_model(Size(), seed=0), {}
    frames: list[NDArray[np.uint8]] = []
    per_scene = _seconds(lambda: frames.append(scene_frames(scenes[len(frames)])), 3)
    pool = FramePool(scenes[:1], frames[0][None])
    every = FULL.scenes + FULL.validation_scenes
    found["frames"] = every * (per_scene + _seconds(lambda: frame_rows(model, pool, threads=1), 2))
    some = max(steps, 20)
    vision = (
        _seconds(lambda: train_vision(model, pool, steps=some, seed=0, progress=lambda _: None), 1) / some
    )
    found["vision"] = FULL.vision_steps * vision
    rows = torch.randn(_SCENES, FULL.duration_s, CELLS, Size().vision_width).half()
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as threads:
        for name in MODELS:
            teacher = MemoryTeacher(scenes, seed=0)
            workers = Workers(model, teacher, threads)
            for course in courses(name, FULL):
                found[course.name] = course.steps * _step(course, workers, Muon(model, 1e-6), rows, steps)
    return found


def _step(course: Course, workers: Workers, optimizer: Muon, rows: Tensor, steps: int) -> float:
    """Seconds of a step, with moments and levels from all over the course."""
    moments = iter(np.linspace(0.05, 1, steps + 1))

    def step() -> None:
        moment = float(next(moments))
        workers.teacher.level = round(moment * len(LEVELS))
        workers.step([course.lesson(workers.teacher, moment) for _ in range(course.batch)], rows)
        optimizer.step()

    step()
    return _seconds(step, steps)


def _seconds(work: Callable[[], object], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="Time a few steps of each stage of training the tiny models."
    )
    parser.add_argument("--steps", type=int, default=6, help="how many of each stage")
    found = costs(steps=parser.parse_args().steps)
    for name, seconds in found.items():
        print(f"{name:18} {seconds / 60:5.1f} min of one processor")
    total = sum(found.values()) / 60
    print(json.dumps({"cpu_minutes": round(total, 1), "minutes_on_2_cores": round(total / 2, 1)}))


if __name__ == "__main__":
    main()

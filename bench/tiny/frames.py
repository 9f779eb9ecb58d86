"""The frames on which the tiny models learn: scenes encoded as H.264, then read as a reader reads them, JPEG and all.

One frame a second, as the readers sample by default. A quarter of the scenes go without H.264, as `synth:` streams do.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.world import encode_video
from bench.tiny.model import FRAME_PX
from shared.messages import VideoSpec
from shared.video import decode_jpeg, frames
from shared.video.synth import PLAIN_LEVELS, Scene, script

__all__ = ["FramePool", "make_pool", "scene_frames", "training_scene"]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class FramePool:
    """Scenes and their frames."""

    scenes: tuple[Scene, ...]
    frames: NDArray[np.uint8]
    """`[scene, second, 96, 96, 3]`."""


def training_scene(seed: int, duration_s: int) -> Scene:
    """The scene that a seed stands for in training and scoring: levels take turns."""
    return script(seed, duration_s=duration_s, level=PLAIN_LEVELS[seed // 10 % len(PLAIN_LEVELS)])


def scene_frames(scene: Scene, *, plain: bool | None = None) -> NDArray[np.uint8]:
    """The frames of a scene at 0, 1, 2 … s, `[seconds, 96, 96, 3]`; `plain` leaves H.264 out (None: chance decides)."""
    rng = random.Random(f"frames/{scene.seed}")
    fps, crf = rng.choice((2, 2, 2, 8)), rng.choice((20, 23, 23, 26))
    if plain if plain is not None else rng.random() < 0.25:
        return _read(f"synth:seed={scene.seed},duration={scene.duration_s:g},level={scene.level}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mp4"
        encode_video(scene, path, fps=fps, crf=crf)
        return _read(str(path))


def _read(uri: str) -> NDArray[np.uint8]:
    spec = VideoSpec(fps=1, width=FRAME_PX, height=FRAME_PX)
    return np.stack([decode_jpeg(frame.jpeg) for frame in frames(uri, spec)])


def _scene_frames(job: tuple[int, int]) -> NDArray[np.uint8]:
    return scene_frames(training_scene(job[0], job[1]))


def make_pool(seeds: Sequence[int], *, duration_s: int, workers: int, progress: Progress) -> FramePool:
    """The frames of every seed's scene, made by `workers` processes."""
    jobs = [(seed, duration_s) for seed in seeds]
    scenes = tuple(training_scene(*job) for job in jobs)
    done: list[NDArray[np.uint8]] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for i, found in enumerate(pool.map(_scene_frames, jobs, chunksize=4), start=1):
            done.append(found)
            if i % 50 == 0:
                progress(f"frames of {i} of {len(jobs)} scenes")
    return FramePool(scenes, np.stack(done))

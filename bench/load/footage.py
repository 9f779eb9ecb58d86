"""Videos of the synthetic world for live streams of a load: long enough, few, shared by many streams."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bench.data.world as world
from shared.messages import Option, Question
from shared.video.synth import Scene, script

__all__ = ["Footage", "asks", "footage"]

_LEVEL = 2
_PHASE = 0.6180339887
"""Asks fall evenly into all parts of a second: multiples of the golden ratio."""


class Footage(NamedTuple):
    """One H.264 file and what happens in it."""

    video: Path
    scene: Scene


def footage(folder: Path, number: int, *, duration_s: float, fps: int = 4) -> Footage:
    """The `number`th video, encoded unless it is there; blocks."""
    scene = script(world.split_seeds(world.Split.TEST, number + 1)[-1], duration_s=duration_s, level=_LEVEL)
    video = folder / f"footage-{number}-{duration_s:.0f}s-{fps}fps.mp4"
    if not video.exists():
        partial = video.with_name(f".{video.name}")
        world.encode_video(scene, partial, fps=fps)
        partial.rename(video)
    return Footage(video, scene)


def asks(scene: Scene, opening: str, *, every_s: float, first: int = 0) -> list[tuple[Question, str]]:
    """Questions about the present with their gold, one in `every_s` or so, in time order."""
    count, found = int(scene.duration_s / every_s), list[tuple[Question, str]]()
    for number, asked in enumerate(world.questions(scene, "realtime", seed=0, n=count)):
        # The world changes at whole seconds: within one, gold stays.
        t = int(asked.ask_s) + ((first + number) * _PHASE) % 1
        options = tuple(Option(key=o.key, text=o.text) for o in asked.options)
        key, text = f"q{number}", asked.text
        question = Question(opening=opening, key=key, sample="load", t_ask=t, text=text, options=options)
        found.append((question, asked.gold))
    # Two within one second may have changed places: the later one would be asked behind its time.
    return sorted(found, key=lambda one: one[0].t_ask)

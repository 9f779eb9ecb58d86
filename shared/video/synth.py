"""The synthetic world's streams: a script of coloured shapes on a 4 × 4 grid, its exact state at any time, its pixels.

A scene is a pure function of (seed, duration, level); see `Scene` for what always holds in one. Needs numpy and Pillow
only.
"""

from __future__ import annotations

import re

from shared.errors import VideoError
from shared.video.synth_crowd import MAX_CROWD, CrowdWriter, bars, specks
from shared.video.synth_draw import render
from shared.video.synth_plain import PlainWriter
from shared.video.synth_scene import (
    CELL_PX,
    CELLS,
    GRID,
    LEVELS,
    MAX_VISIBLE,
    PLAIN_LEVELS,
    SIDE,
    Bar,
    Colour,
    Placed,
    Quadrant,
    Scene,
    Shape,
    Speck,
    State,
    Track,
    quadrant,
)  # fmt: skip

__all__ = [
    "CELLS", "CELL_PX", "GRID", "LEVELS", "MAX_CROWD", "MAX_VISIBLE", "PLAIN_LEVELS", "SIDE", "Bar", "Colour", "Placed",
    "Quadrant", "Scene", "Shape", "Speck", "State", "Track", "parse_synth", "quadrant", "render", "script",
]  # fmt: skip


def script(seed: int, *, duration_s: float, level: int = 2) -> Scene:
    """The scene of a seed; raises `VideoError` when duration (seconds) or level is out of range."""
    if not 1 <= duration_s <= 86_400:
        raise VideoError(f"duration {duration_s:g} s is out of range: a synthetic stream lasts 1 to 86400 s")
    if level not in LEVELS:
        raise VideoError(f"level {level} is unknown: choose one of {', '.join(map(str, LEVELS))}")
    if level in PLAIN_LEVELS:
        plain = PlainWriter(seed, duration_s, level)
        return Scene(seed, duration_s, level, plain.write(), tuple(plain.colours), tuple(plain.shapes))
    crowd = CrowdWriter(seed, duration_s, level)
    tracks = crowd.write()
    return Scene(
        seed, duration_s, level, tracks, tuple(crowd.colours), tuple(crowd.shapes), specks(seed, duration_s),
        bars(seed, duration_s, tracks) if level >= 5 else (),
    )  # fmt: skip


def parse_synth(url: str) -> Scene:
    """The scene of `synth:seed=5,duration=60,level=2` (duration in seconds, 60 unless told; level 2 unless told)."""
    match = re.fullmatch(r"synth:(?P<args>[a-z]+=[0-9.]+(?:,[a-z]+=[0-9.]+)*)", url)
    args = dict(pair.split("=") for pair in match["args"].split(",")) if match else {}
    if "seed" not in args or set(args) - {"seed", "duration", "level"}:
        raise VideoError(f"{url!r} is no synthetic stream: write synth:seed=5,duration=60,level=2")
    try:
        return script(
            int(args["seed"]), duration_s=float(args.get("duration", 60)), level=int(args.get("level", 2))
        )
    except ValueError as error:
        raise VideoError(
            f"{url!r} holds no number where one is due: write synth:seed=5,duration=60"
        ) from error

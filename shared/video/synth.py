"""The synthetic world's streams: a script of coloured shapes on a 4 × 4 grid, its exact state at any time, its pixels.

A scene is a pure function of (seed, duration, level). Changes happen at whole seconds only, and a frame at time t shows
the state from t on. Two shapes and two colours of a scene are *rare*: each is worn by one object alone, once, so that
"the star" or "the red object" names one thing in the whole stream; the other attributes of such an object are drawn
independently of all else, so that nothing but having seen it tells them. Needs numpy and Pillow only.
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shared.errors import VideoError

__all__ = [
    "CELLS", "GRID", "LEVELS", "SIDE", "Colour", "Placed", "Quadrant", "Scene", "Shape", "State", "Track",
    "parse_synth", "render", "script",
]  # fmt: skip

GRID = 4
CELLS = GRID * GRID
CELL_PX = 48
SIDE = GRID * CELL_PX
"""Width and height of a rendered frame, pixels."""
LEVELS = (1, 2, 3)
"""1: objects come and go; 2: they also move; 3: they also change colour."""
MAX_VISIBLE = 4
GOALS = (1, 1, 1, 2, 2, 3, 4)
"""Numbers aimed at; objects outstay a falling goal, so the small ones come up oftener here than on the screen."""
MIN_STAY, MAX_STAY = 7, 15
SETTLED = 5
"""Seconds that the last state of an object lasts at least: whoever looks every five seconds has seen it."""


class Colour(StrEnum):
    """What an object's colour is called."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    PURPLE = "purple"
    WHITE = "white"


class Shape(StrEnum):
    """What an object's shape is called."""

    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"
    CROSS = "cross"
    RING = "ring"


class Quadrant(StrEnum):
    """Where a cell is, as a question or a note says it."""

    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"


_RGB: dict[Colour, tuple[int, int, int]] = {
    Colour.RED: (222, 40, 40),
    Colour.GREEN: (40, 180, 60),
    Colour.BLUE: (50, 80, 232),
    Colour.YELLOW: (236, 214, 40),
    Colour.PURPLE: (160, 50, 190),
    Colour.WHITE: (242, 242, 242),
}


def quadrant(cell: int) -> Quadrant:
    """The quadrant of a cell (0 to 15, in raster order)."""
    row, column = divmod(cell, GRID)
    return list(Quadrant)[2 * (row >= GRID // 2) + (column >= GRID // 2)]


class State(NamedTuple):
    """How an object looks from `t` (whole seconds) on."""

    t: int
    colour: Colour
    cell: int


class Placed(NamedTuple):
    """An object as it is at one moment."""

    colour: Colour
    shape: Shape
    cell: int

    @property
    def quadrant(self) -> Quadrant:
        """Where it is."""
        return quadrant(self.cell)


@dataclass(frozen=True)
class Track:
    """One object's life: visible at `appear <= t < leave` (seconds of stream time; `leave` may lie past the end)."""

    shape: Shape
    appear: int
    leave: int
    states: tuple[State, ...]
    """Ascending; the first begins at `appear`."""
    rare: Shape | Colour | None = None
    """The attribute that no other object of the scene ever has."""
    size: float = 1.0
    tint: float = 1.0
    shift: tuple[int, int] = (0, 0)
    """Looks only: scale, brightness, and pixels off the cell's centre."""

    def at(self, t: float) -> Placed | None:
        """Its state at `t`, or nothing when it isn't visible."""
        if not self.appear <= t < self.leave:
            return None
        state = [s for s in self.states if s.t <= t][-1]
        return Placed(state.colour, self.shape, state.cell)

    def last(self) -> Placed:
        """Its state just before it leaves."""
        return Placed(self.states[-1].colour, self.shape, self.states[-1].cell)

    def colours(self) -> set[Colour]:
        """Every colour it ever has."""
        return {state.colour for state in self.states}


@dataclass(frozen=True)
class Scene:
    """A whole stream: what happens, exactly."""

    seed: int
    duration_s: float
    level: int
    tracks: tuple[Track, ...]
    """In order of appearance."""
    common_colours: tuple[Colour, ...]
    common_shapes: tuple[Shape, ...]

    def visible(self, t: float) -> list[Track]:
        """The objects to be seen at `t`, in raster order of their cells."""
        placed = [(at.cell, i) for i, track in enumerate(self.tracks) if (at := track.at(t)) is not None]
        return [self.tracks[i] for _, i in sorted(placed)]

    def objects_at(self, t: float) -> tuple[Placed, ...]:
        """The state at `t`, in raster order: the truth from which every gold answer comes."""
        return tuple(at for track in self.visible(t) if (at := track.at(t)) is not None)


class _Spec(NamedTuple):
    """What is fixed of an object before it appears."""

    shape: Shape
    colour: Colour
    rare: Shape | Colour | None


class _Writer:
    """Writes one scene second by second."""

    def __init__(self, seed: int, duration_s: float, level: int) -> None:
        self.rng = random.Random(f"scene/{level}/{seed}")
        self.level = level
        self.seconds = math.ceil(duration_s)
        shapes, colours = list(Shape), list(Colour)
        self.rng.shuffle(shapes)
        self.rng.shuffle(colours)
        self.shapes, self.colours = shapes[2:], colours[2:]
        self.tracks: list[Track] = []
        specs: list[_Spec] = [_Spec(s, self.rng.choice(self.colours), s) for s in shapes[:2]]
        specs += [_Spec(self.rng.choice(self.shapes), c, c) for c in colours[:2]]
        self.rng.shuffle(specs)
        spans = ((0.0, 0.1), (0.05, 0.25), (0.2, 0.45), (0.4, 0.65))
        self.planned = [
            (self.rng.uniform(a, b) * duration_s, s) for (a, b), s in zip(spans, specs, strict=True)
        ]

    def write(self) -> tuple[Track, ...]:
        """Bring the number of visible objects to a goal that changes every few seconds; never none, at most four."""
        goal, until = 0, 0
        for t in range(self.seconds):
            if t >= until:
                goal, until = self.rng.choice(GOALS), t + self.rng.randint(4, 9)
            active = sum(track.appear <= t < track.leave for track in self.tracks)
            due = bool(self.planned) and self.planned[0][0] <= t and active < MAX_VISIBLE
            wanted = max(goal - active, due, 1 - active)
            for _ in range(wanted if t == 0 else min(wanted, 1)):
                self.tracks.append(self._spawn(t))
        return tuple(self.tracks)

    def _spawn(self, t: int) -> Track:
        if self.planned and self.planned[0][0] <= t:
            spec = self.planned.pop(0)[1]
        else:
            spec = _Spec(self.rng.choice(self.shapes), self.rng.choice(self.colours), None)
        leave = t + self.rng.randint(MIN_STAY, MAX_STAY)
        changes = self._changes(t, leave, spec)
        colour, cell = spec.colour, -1
        states: list[State] = []
        for start in [t, *sorted(changes)]:
            if start == t or changes[start] == "move":
                cell = self._cell(start, leave, cell)
            else:
                colour = self.rng.choice([c for c in self.colours if c is not colour])
            states.append(State(start, colour, cell))
        looks = self.rng.uniform(0.85, 1.05), self.rng.uniform(0.85, 1.0)
        shift = (self.rng.randint(-2, 2), self.rng.randint(-2, 2))
        return Track(spec.shape, t, leave, tuple(states), spec.rare, looks[0], looks[1], shift)

    def _changes(self, t: int, leave: int, spec: _Spec) -> dict[int, str]:
        """At which seconds what changes; none in the first two and the last five seconds of a life."""
        kinds = ["move"] * (self.level >= 2 and self.rng.random() < 0.4)
        if self.level >= 3 and not isinstance(spec.rare, Colour) and self.rng.random() < 0.4:
            kinds.append("colour")
        room = list(range(t + 2, leave - SETTLED + 1))
        self.rng.shuffle(room)
        self.rng.shuffle(kinds)
        return dict(zip(room, kinds, strict=False))

    def _cell(self, start: int, end: int, current: int) -> int:
        """A free cell: the quadrant is drawn first, so that where an object is tells nothing of any other."""
        taken = {current}
        for track in self.tracks:
            edges = [*(state.t for state in track.states[1:]), track.leave]
            taken |= {
                s.cell for s, stop in zip(track.states, edges, strict=True) if s.t < end and stop > start
            }
        for place in self.rng.sample(list(Quadrant), k=len(Quadrant)):
            free = [cell for cell in range(CELLS) if quadrant(cell) is place and cell not in taken]
            if free:
                return self.rng.choice(free)
        raise VideoError(
            f"no free cell at {start} s of {CELLS}: at most {MAX_VISIBLE} objects may be visible"
        )


def script(seed: int, *, duration_s: float, level: int = 2) -> Scene:
    """The scene of a seed; raises `VideoError` when duration (seconds) or level is out of range."""
    if not 1 <= duration_s <= 86_400:
        raise VideoError(f"duration {duration_s:g} s is out of range: a synthetic stream lasts 1 to 86400 s")
    if level not in LEVELS:
        raise VideoError(f"level {level} is unknown: choose one of {', '.join(map(str, LEVELS))}")
    writer = _Writer(seed, duration_s, level)
    return Scene(seed, duration_s, level, writer.write(), tuple(writer.colours), tuple(writer.shapes))


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


def _outline(shape: Shape, centre: float, radius: float) -> list[tuple[float, float]]:
    """Corners of a polygon shape."""
    if shape is Shape.SQUARE:
        angles, radii = [math.pi / 4 + k * math.pi / 2 for k in range(4)], [radius * 1.2] * 4
    elif shape is Shape.TRIANGLE:
        angles, radii = [-math.pi / 2 + k * 2 * math.pi / 3 for k in range(3)], [radius * 1.1] * 3
    else:
        angles, radii = [-math.pi / 2 + k * math.pi / 5 for k in range(10)], [radius * 1.1, radius * 0.45] * 5
    return [(centre + r * math.cos(a), centre + r * math.sin(a)) for a, r in zip(angles, radii, strict=True)]


@lru_cache(maxsize=512)
def _mask(shape: Shape, size: float) -> NDArray[np.float32]:
    """How much of each pixel of a cell a shape covers, `[48, 48, 1]`, drawn at four times the size for smooth edges."""
    scale = 4
    side, centre, radius = CELL_PX * scale, CELL_PX * scale / 2, 19 * scale * size
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    box = (centre - radius, centre - radius, centre + radius, centre + radius)
    if shape in (Shape.CIRCLE, Shape.RING):
        draw.ellipse(box, fill=255)
        if shape is Shape.RING:
            hole = radius * 0.55
            draw.ellipse((centre - hole, centre - hole, centre + hole, centre + hole), fill=0)
    elif shape is Shape.CROSS:
        arm = radius * 0.33
        draw.rectangle((centre - arm, box[1], centre + arm, box[3]), fill=255)
        draw.rectangle((box[0], centre - arm, box[2], centre + arm), fill=255)
    else:
        draw.polygon(_outline(shape, centre, radius), fill=255)
    small = image.resize((CELL_PX, CELL_PX), Image.Resampling.BOX)
    covered: NDArray[np.float32] = (np.asarray(small, dtype=np.float32)[..., None] / 255).astype(np.float32)
    return covered


@lru_cache(maxsize=16)
def _background(seed: int) -> NDArray[np.float32]:
    """A dark grey, unevenly lit, grainy ground, `[192, 192, 3]`, that stays still."""
    rng = np.random.default_rng(seed)
    low = Image.fromarray(rng.uniform(-14, 14, (5, 5)).astype(np.float32))
    light = np.asarray(low.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    ground = rng.uniform(32, 76) + light + rng.normal(0, 4, (SIDE, SIDE)).astype(np.float32)
    return (ground[..., None] + rng.uniform(-5, 5, 3)).astype(np.float32)


def render(scene: Scene, t: float) -> NDArray[np.uint8]:
    """The frame at `t` (seconds of stream time): RGB, `[192, 192, 3]`."""
    canvas = _background(scene.seed).copy()
    for track in scene.visible(t):
        placed = track.at(t)
        assert placed is not None
        row, column = divmod(placed.cell, GRID)
        cell = canvas[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX]
        mask = np.roll(_mask(placed.shape, round(track.size, 2)), track.shift, axis=(0, 1))
        paint = np.asarray(_RGB[placed.colour], dtype=np.float32) * track.tint
        cell[:] = cell * (1 - mask) + paint * mask
    return np.clip(canvas, 0, 255).astype(np.uint8)

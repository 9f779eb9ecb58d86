"""Scenes of the plain levels 1 to 3: up to four objects that come, move, change colour and go.

A scene of these levels never changes, whatever else does: models were trained on them, and a test pins their pixels.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from shared.errors import VideoError
from shared.video.synth_scene import (
    CELLS,
    MAX_STAY,
    MAX_VISIBLE,
    MIN_STAY,
    SETTLED,
    Colour,
    Quadrant,
    Shape,
    State,
    Track,
    quadrant,
)  # fmt: skip

__all__ = ["GOALS", "PlainWriter", "Planned", "Spec", "plan_rare"]

GOALS = (1, 1, 1, 2, 2, 3, 4)
"""Numbers aimed at; objects outstay a falling goal, so the small ones come up oftener here than on the screen."""


class Spec(NamedTuple):
    """What is fixed of an object before it appears."""

    shape: Shape
    colour: Colour
    rare: Shape | Colour | None


class Planned(NamedTuple):
    """A rare object, and the earliest time at which it appears."""

    not_before_s: float
    spec: Spec


def plan_rare(
    shapes: Sequence[Shape], colours: Sequence[Colour], duration_s: float, rng: random.Random
) -> list[Planned]:
    """When the scene's rare objects come; their shapes and colours are the first two of each, the rest are common."""
    specs: list[Spec] = [Spec(s, rng.choice(colours[2:]), s) for s in shapes[:2]]
    specs += [Spec(rng.choice(shapes[2:]), c, c) for c in colours[:2]]
    rng.shuffle(specs)
    spans = ((0.0, 0.1), (0.05, 0.25), (0.2, 0.45), (0.4, 0.65))
    return [Planned(rng.uniform(a, b) * duration_s, s) for (a, b), s in zip(spans, specs, strict=True)]


class PlainWriter:
    """Writes one scene second by second.

    `live` holds the objects that haven't left: none that has left can stand in the way of another.
    """

    def __init__(self, seed: int, duration_s: float, level: int) -> None:
        self.rng = random.Random(f"scene/{level}/{seed}")
        self.level = level
        self.seconds = math.ceil(duration_s)
        shapes, colours = list(Shape), list(Colour)
        self.rng.shuffle(shapes)
        self.rng.shuffle(colours)
        self.shapes, self.colours = shapes[2:], colours[2:]
        self.tracks: list[Track] = []
        self.live: list[Track] = []
        self.planned = plan_rare(shapes, colours, duration_s, self.rng)

    def write(self) -> tuple[Track, ...]:
        """Bring the number of visible objects to a goal that changes every few seconds; never none, at most four."""
        goal, until = 0, 0
        for t in range(self.seconds):
            if t >= until:
                goal, until = self.rng.choice(GOALS), t + self.rng.randint(4, 9)
            self.live = [track for track in self.live if t < track.leave]
            active = len(self.live)
            due = bool(self.planned) and self.planned[0].not_before_s <= t and active < MAX_VISIBLE
            wanted = max(goal - active, due, 1 - active)
            for _ in range(wanted if t == 0 else min(wanted, 1)):
                self.live.append(self._spawn(t))
                self.tracks.append(self.live[-1])
        return tuple(self.tracks)

    def _spawn(self, t: int) -> Track:
        if self.planned and self.planned[0].not_before_s <= t:
            spec = self.planned.pop(0).spec
        else:
            spec = Spec(self.rng.choice(self.shapes), self.rng.choice(self.colours), None)
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

    def _changes(self, t: int, leave: int, spec: Spec) -> dict[int, str]:
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
        for track in self.live:
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

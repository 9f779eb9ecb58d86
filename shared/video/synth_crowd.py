"""Scenes of levels 4 and 5: up to six objects, several of one kind, specks on the ground; at level 5 also bars before
it, and stretches in which everything moves every second, with stillness between them.

Written second by second, so that an object that moves always finds a free cell.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Literal

from shared.video.synth_plain import Spec, plan_rare
from shared.video.synth_scene import (
    CELLS,
    GRID,
    MAX_STAY,
    MIN_STAY,
    SETTLED,
    SIDE,
    Bar,
    Colour,
    Quadrant,
    Shape,
    Speck,
    State,
    Track,
    quadrant,
)  # fmt: skip

__all__ = ["MAX_CROWD", "CrowdWriter", "bars", "specks"]

MAX_CROWD = 6
GOALS = (1, 1, 2, 2, 3, 4, 5, 6)
"""Numbers aimed at; objects outstay a falling goal."""
ALIKE = 0.6
"""How often a new object takes after one that is there, in shape or in colour."""
Change = Literal["move", "colour"]


@dataclass
class _Life:
    """An object that is there now."""

    track: Track
    states: list[State]
    changes: dict[int, Change]
    """What is planned; within `SETTLED` seconds of leaving nothing is."""

    @property
    def now(self) -> State:
        return self.states[-1]

    def may_change(self, t: int) -> bool:
        return self.track.appear + 2 <= t <= self.track.leave - SETTLED


@dataclass
class CrowdWriter:
    """Writes one scene."""

    seed: int
    duration_s: float
    level: int
    rng: random.Random = field(init=False)
    live: list[_Life] = field(init=False, default_factory=list)
    done: list[_Life] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"scene/{self.level}/{self.seed}")
        shapes, colours = list(Shape), list(Colour)
        self.rng.shuffle(shapes)
        self.rng.shuffle(colours)
        self.shapes, self.colours = shapes[2:], colours[2:]
        self.planned = plan_rare(shapes, colours, self.duration_s, self.rng)

    def write(self) -> tuple[Track, ...]:
        """Every object's life, in order of appearance; at each second between one and `MAX_CROWD` are there."""
        goal = until = turn = 0
        fast = self.rng.random() < 0.5
        for t in range(math.ceil(self.duration_s)):
            if t >= until:
                goal, until = self.rng.choice(GOALS), t + self.rng.randint(4, 9)
            if t >= turn:
                fast, turn = not fast, t + (self.rng.randint(8, 14) if fast else self.rng.randint(4, 7))
            self.live = [life for life in self.live if t < life.track.leave]
            for life in self.live:
                self._change(life, t, fast=fast)
            self._fill(t, goal)
        return tuple(_written(life) for life in self.done)

    def _fill(self, t: int, goal: int) -> None:
        active = len(self.live)
        due = bool(self.planned) and self.planned[0].not_before_s <= t and active < MAX_CROWD
        wanted = max(goal - active, due, 1 - active)
        for _ in range(wanted if t == 0 else min(wanted, 1)):
            self.live.append(self._spawn(t))
            self.done.append(self.live[-1])

    def _change(self, life: _Life, t: int, *, fast: bool) -> None:
        """At level 5 objects move in the fast stretches, all of them every second, and at no other time."""
        if not life.may_change(t):
            return
        change = life.changes.get(t)
        if self.level >= 5 and change != "colour":
            change = "move" if fast else None
        if change == "move":
            life.states.append(State(t, life.now.colour, self._cell()))
        elif change == "colour":
            others = [colour for colour in self.colours if colour is not life.now.colour]
            life.states.append(State(t, self.rng.choice(others), life.now.cell))

    def _spec(self, t: int) -> Spec:
        if self.planned and self.planned[0].not_before_s <= t:
            return self.planned.pop(0).spec
        shape, colour = self.rng.choice(self.shapes), self.rng.choice(self.colours)
        alike = [life for life in self.live if life.track.rare is None]
        if alike and self.rng.random() < ALIKE:
            model = self.rng.choice(alike)
            if self.rng.random() < 0.5:
                shape = model.track.shape
            else:
                colour = model.now.colour
        return Spec(shape, colour, None)

    def _spawn(self, t: int) -> _Life:
        spec = self._spec(t)
        leave = t + self.rng.randint(MIN_STAY, MAX_STAY)
        looks = self.rng.uniform(0.85, 1.05), self.rng.uniform(0.85, 1.0)
        shift = (self.rng.randint(-2, 2), self.rng.randint(-2, 2))
        track = Track(spec.shape, t, leave, (), spec.rare, looks[0], looks[1], shift)
        kinds: list[Change] = ["move"] if self.rng.random() < 0.4 else []
        if not isinstance(spec.rare, Colour) and self.rng.random() < 0.4:
            kinds.append("colour")
        room = list(range(t + 2, leave - SETTLED + 1))
        self.rng.shuffle(room)
        self.rng.shuffle(kinds)
        return _Life(track, [State(t, spec.colour, self._cell())], dict(zip(room, kinds, strict=False)))

    def _cell(self) -> int:
        """A free cell: the quadrant is drawn first, so that where an object is tells nothing of any other."""
        taken = {life.now.cell for life in self.live}
        free = [cell for cell in range(CELLS) if cell not in taken]
        open_places = sorted({quadrant(cell) for cell in free}, key=list(Quadrant).index)
        place = self.rng.choice(open_places)
        return self.rng.choice([cell for cell in free if quadrant(cell) is place])


def _written(life: _Life) -> Track:
    track = life.track
    return Track(
        track.shape, track.appear, track.leave, tuple(life.states), track.rare, track.size, track.tint, track.shift
    )  # fmt: skip


def specks(seed: int, duration_s: float) -> tuple[Speck, ...]:
    """Three or four grey specks at any time, each for 6 to 20 seconds."""
    rng = random.Random(f"specks/{seed}")
    found: list[Speck] = []
    for _ in range(rng.randint(3, 4)):
        t = 0
        while t < duration_s:
            leave = t + rng.randint(6, 20)
            drift = (rng.randint(-6, 6), rng.randint(-6, 6)) if rng.random() < 0.5 else (0, 0)
            place = rng.randrange(SIDE), rng.randrange(SIDE)
            found.append(Speck(t, leave, *place, drift, rng.randint(3, 6), rng.randint(110, 160)))
            t = leave + rng.randint(0, 4)
    return tuple(sorted(found))


def bars(seed: int, duration_s: float, tracks: tuple[Track, ...]) -> tuple[Bar, ...]:
    """Bars of 4 to 8 seconds with 6 to 16 between them, each where it hides something, but nothing rare."""
    rng = random.Random(f"bars/{seed}")
    found: list[Bar] = []
    t, first = rng.randint(3, 10), 0
    while t < duration_s:
        leave = t + rng.randint(4, 8)
        while first < len(tracks) and tracks[first].appear + MAX_STAY <= t:
            first += 1
        near = [track for track in tracks[first : first + MAX_CROWD * MAX_STAY] if _meets(track, t, leave)]
        rare = {cell for track in near if track.rare is not None for cell in _cells(track, t, leave)}
        common = {cell for track in near if track.rare is None for cell in _cells(track, t, leave)}
        places = [place for place in _REGIONS if not rare & set(place) and common & set(place)]
        if places:
            found.append(Bar(t, leave, rng.choice(places)))
        t = leave + rng.randint(6, 16)
    return tuple(found)


def _regions() -> list[tuple[int, ...]]:
    """Upright and level bars of two to four cells."""
    found = []
    for length in (2, 3, 4):
        for start in range(GRID - length + 1):
            for line in range(GRID):
                found.append(tuple(line * GRID + start + i for i in range(length)))
                found.append(tuple((start + i) * GRID + line for i in range(length)))
    return found


_REGIONS = _regions()


def _meets(track: Track, start: int, end: int) -> bool:
    return track.appear < end and start < track.leave


def _cells(track: Track, start: int, end: int) -> set[int]:
    """Where a track is between two seconds."""
    edges = [*(state.t for state in track.states[1:]), track.leave]
    return {s.cell for s, stop in zip(track.states, edges, strict=True) if s.t < end and stop > start}

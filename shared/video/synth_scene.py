"""What a synthetic stream consists of: coloured shapes on a 4 × 4 grid, and its exact state at any time.

Changes happen at whole seconds only, and a frame at time t shows the state from t on. Two shapes and two colours of a
scene are *rare*: each is worn by one object alone, once, so that "the star" or "the red object" names one thing in the
whole stream; the other attributes of such an object are drawn independently of all else, so that nothing but having
seen it tells them. What a bar hides is not visible; a rare object is never hidden.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

__all__ = [
    "CELLS", "CELL_PX", "GRID", "LEVELS", "MAX_STAY", "MAX_VISIBLE", "MIN_STAY", "PLAIN_LEVELS", "SETTLED", "SIDE",
    "Bar", "Colour", "Placed", "Quadrant", "Scene", "Shape", "Speck", "State", "Track", "quadrant",
]  # fmt: skip

GRID = 4
CELLS = GRID * GRID
CELL_PX = 48
SIDE = GRID * CELL_PX
"""Width and height of a rendered frame, pixels."""
LEVELS = (1, 2, 3, 4, 5)
"""1: objects come and go; 2: they also move; 3: they also change colour; 4: more of them, several of one kind, among
small grey specks; 5: bars hide some of them, and they move every second for a while, then not at all."""
PLAIN_LEVELS = LEVELS[:3]
"""Levels with at most `MAX_VISIBLE` objects; the tiny models are trained on these."""
MAX_VISIBLE = 4
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


class Speck(NamedTuple):
    """A small grey thing that no question is about, on the ground from `appear` up to `leave` (seconds)."""

    appear: int
    leave: int
    x: int
    y: int
    """Where it is first, pixels."""
    drift: tuple[int, int]
    """Pixels a second."""
    radius: int
    grey: int


class Bar(NamedTuple):
    """A grey bar before the scene from `appear` up to `leave` (seconds): what is behind it is not visible."""

    appear: int
    leave: int
    cells: tuple[int, ...]


class _Passing(Protocol):
    @property
    def appear(self) -> int: ...
    @property
    def leave(self) -> int: ...


_P = TypeVar("_P", bound=_Passing)


class Seen(NamedTuple):
    """A track as it can be seen at one second."""

    track: Track
    placed: Placed


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
    specks: tuple[Speck, ...] = ()
    bars: tuple[Bar, ...] = ()

    def visible(self, t: float) -> list[Track]:
        """The objects to be seen at `t`, in raster order of their cells."""
        return [seen.track for seen in self._seen(t)]

    def objects_at(self, t: float) -> tuple[Placed, ...]:
        """The state at `t`, in raster order: the truth from which every gold answer comes."""
        seconds = self.moments
        return seconds[int(t)] if 0 <= t < len(seconds) else tuple(seen.placed for seen in self._seen(t))

    @cached_property
    def moments(self) -> tuple[tuple[Placed, ...], ...]:
        """The state of every second, computed once."""
        return tuple(tuple(seen.placed for seen in seconds) for seconds in self._index)

    @cached_property
    def rare(self) -> tuple[Track, ...]:
        """The objects that wear something rare, in order of appearance."""
        return tuple(track for track in self.tracks if track.rare is not None)

    def specks_at(self, t: float) -> Sequence[Speck]:
        """The grey things on the ground at `t`."""
        return self._ground[int(t)] if 0 <= t < len(self._ground) else ()

    def bars_at(self, t: float) -> Sequence[Bar]:
        """The bars before the scene at `t`."""
        return self._front[int(t)] if 0 <= t < len(self._front) else ()

    @property
    def _seconds(self) -> int:
        return math.ceil(self.duration_s)

    @cached_property
    def _index(self) -> tuple[tuple[Seen, ...], ...]:
        present = _by_second(self.tracks, self._seconds)
        return tuple(self._unhidden(second, tracks) for second, tracks in enumerate(present))

    @cached_property
    def _ground(self) -> list[list[Speck]]:
        return _by_second(self.specks, self._seconds if self.specks else 0)

    @cached_property
    def _front(self) -> list[list[Bar]]:
        return _by_second(self.bars, self._seconds if self.bars else 0)

    def _seen(self, t: float) -> tuple[Seen, ...]:
        return self._index[int(t)] if 0 <= t < self._seconds else self._unhidden(t, self.tracks)

    def _unhidden(self, t: float, tracks: Iterable[Track]) -> tuple[Seen, ...]:
        hidden = {cell for bar in self.bars_at(t) for cell in bar.cells}
        placed = [Seen(track, at) for track in tracks if (at := track.at(t)) is not None]
        return tuple(sorted((s for s in placed if s.placed.cell not in hidden), key=_by_cell))


def _by_cell(seen: Seen) -> int:
    return seen.placed.cell


def _by_second(things: Iterable[_P], seconds: int) -> list[list[_P]]:
    """What is there at each second, so that nobody searches the whole stream for it."""
    found: list[list[_P]] = [[] for _ in range(seconds)]
    for thing in things:
        for second in range(thing.appear, min(thing.leave, seconds)):
            found[second].append(thing)
    return found

"""Wording and truth of the synthetic world's standing questions (`clue`, `proactive`): each sentence exists once, here.

A kind is a shape or a colour: "star" means every star, "red" every red object. What is true at `t` is told by what can
be seen at whole seconds up to `t`, for changes happen at whole seconds only. The tiny models are trained on exactly
these sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

from shared.video.synth import Colour, Placed, Scene, Shape

__all__ = [
    "NUMBERS", "SLOT", "ClueTask", "Kind", "Watch", "WatchTask", "attribute", "count_at", "count_wording", "find_at",
    "find_wording", "first_seen", "kinds", "matches", "named", "seen_at", "seen_wording", "watches",
]  # fmt: skip

NUMBERS = ("one", "two", "three", "four")
SLOT = "##ANSWER##"
"""Stands in a later question of a chain for the answer to an earlier one."""
Kind = Shape | Colour


class ClueTask(StrEnum):
    """What a question that waits for its clue asks."""

    SEEN = "seen"
    FIND_COLOUR = "find_colour"
    FIND_SHAPE = "find_shape"
    FIND_PLACE = "find_place"
    COUNT = "count"


class WatchTask(StrEnum):
    """What is to be announced."""

    APPEAR = "appear"
    GONE = "gone"
    NUMBER = "number"


def kinds() -> list[Kind]:
    """Every kind there is: shapes, then colours."""
    return [*Shape, *Colour]


def matches(placed: Placed, kind: Kind | None) -> bool:
    """Whether an object is of a kind; every object is when none is named."""
    return kind in (None, placed.shape, placed.colour)


def named(kind: Kind) -> str:
    """What one of a kind is called: `star`, `red object`."""
    return f"{kind} object" if isinstance(kind, Colour) else f"{kind}"


def attribute(placed: Placed, of: Literal["colour", "shape", "place"]) -> str:
    """One attribute of an object, as options name it."""
    return str({"colour": placed.colour, "shape": placed.shape, "place": placed.quadrant}[of])


def first_seen(scene: Scene, kind: Kind) -> int | None:
    """The second from which on one of this kind has been visible; none when there is never one."""
    moments = enumerate(scene.moments)
    return next((t for t, objects in moments if any(matches(placed, kind) for placed in objects)), None)


def seen_at(scene: Scene, t: float, kind: Kind) -> bool:
    """Whether one of this kind was visible at some time in [0, t]."""
    first = first_seen(scene, kind)
    return first is not None and first <= t


def seen_wording(kind: Kind) -> str:
    """Yes or no: has it been there by now?"""
    return f"Has a {named(kind)} appeared?"


def find_at(scene: Scene, t: float, task: ClueTask, subject: Kind) -> str | None:
    """The answer about a rare subject at `t`: as it is, or as it was last seen; none (wait) before it appears."""
    track = next((track for track in scene.rare if track.rare is subject), None)
    if track is None or t < track.appear:
        return None
    of: dict[ClueTask, Literal["colour", "shape", "place"]] = {
        ClueTask.FIND_COLOUR: "colour",
        ClueTask.FIND_SHAPE: "shape",
        ClueTask.FIND_PLACE: "place",
    }
    return attribute(track.at(t) or track.last(), of[task])


def find_wording(task: ClueTask, subject: Kind) -> str:
    """A question about the one object that wears a rare shape or colour."""
    what = {
        ClueTask.FIND_COLOUR: "What colour",
        ClueTask.FIND_SHAPE: "What shape",
        ClueTask.FIND_PLACE: "Where",
    }
    return f"{what[task]} is the {named(subject)}?"


def count_at(scene: Scene, t: float, kind: Kind) -> int:
    """How many of a kind are visible at `t`."""
    return sum(matches(placed, kind) for placed in scene.objects_at(t))


def count_wording(kind: Kind) -> str:
    """A question whose answer is a number, from 0 on."""
    return f"How many {kind} objects are there now?"


class Watch(NamedTuple):
    """Something to be announced: each time it becomes true."""

    task: WatchTask
    subject: Kind | int
    """A kind; for `number`, how many objects (1 to 4)."""

    @property
    def text(self) -> str:
        """The request's text."""
        if isinstance(self.subject, int):
            some = "is one object" if self.subject == 1 else f"are {NUMBERS[self.subject - 1]} objects"
            return f"Say when there {some}."
        some = "a" if self.task is WatchTask.APPEAR else "no"
        return f"Say when {some} {named(self.subject)} is there."

    def holds(self, objects: Sequence[Placed]) -> bool:
        """Whether it is true of what is visible at a moment."""
        if isinstance(self.subject, int):
            return len(objects) == self.subject
        there = any(matches(placed, self.subject) for placed in objects)
        return there is (self.task is WatchTask.APPEAR)


def watches() -> list[Watch]:
    """Everything that can be asked to be announced."""
    found = [Watch(task, kind) for task in (WatchTask.APPEAR, WatchTask.GONE) for kind in kinds()]
    return found + [Watch(WatchTask.NUMBER, n + 1) for n in range(len(NUMBERS))]

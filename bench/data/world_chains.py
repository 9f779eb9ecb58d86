"""`sequential`: chains of three or four questions about one rare object; later ones name it by an earlier answer.

The first asks what the object is that wears something common ("What shape is the blue object now?": a star, the only
one of the stream). The others hold a slot for that answer, and ask where the object is or, once it has left, was: its
colour would be told by the text of the first. With the slot rightly filled each is an ordinary question.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from bench.data.world import (
    MEMORY_AGE_S,
    MIN_AGE_S,
    WINDOW_AGE_S,
    Subject,
    Task,
    WorldQuestion,
    letters,
    pose,
)
from bench.data.world_words import SLOT, matches
from shared.video.synth import Colour, Scene, Track

__all__ = ["Chain", "ChainTurn", "chains", "filled"]


class ChainTurn(NamedTuple):
    """One question of a chain; its text holds the slot where `slot_of` names the turn whose answer fills it."""

    asked: WorldQuestion
    slot_of: int | None


@dataclass(frozen=True)
class Chain:
    """Questions about one object, by ask time."""

    track: Track
    turns: tuple[ChainTurn, ...]


def filled(text: str, answer: str) -> str:
    """A turn's text with its slot filled by an answer's text."""
    return text.replace(SLOT, answer)


def chains(scene: Scene, *, seed: int, n: int) -> list[Chain]:
    """Up to `n` chains, by the time of their first ask; fewer when the scene has no more."""
    rng = random.Random(f"chains/{seed}/{scene.seed}/{scene.level}")
    return sorted(islice(_found(scene, rng), n), key=lambda chain: chain.turns[0].asked.ask_s)


def _found(scene: Scene, rng: random.Random) -> Iterator[Chain]:
    """Every rare object in turn, up to eight times, never twice with the same first ask."""
    keys, used = letters(rng), set[tuple[int, float]]()
    for _ in range(8):
        for track in rng.sample(scene.rare, k=len(scene.rare)):
            chain = _chain(scene, track, rng, keys)
            first = (track.appear, chain.turns[0].asked.ask_s) if chain else None
            if chain and first and first not in used:
                used.add(first)
                yield chain


def _chain(scene: Scene, track: Track, rng: random.Random, keys: Iterator[str]) -> Chain | None:
    end = int(min(track.leave, scene.duration_s))
    opening = _identify(scene, track, range(track.appear, end - 1), rng, keys)
    if opening is None:
        return None
    later = _past_asks(scene, track, rng.randint(1, 2), rng)
    room = range(int(opening.ask_s) + 1, end)
    now = sorted(rng.sample(room, k=min(len(room), 1 if later else 2)))
    plan = [(Task.PLACE_NOW, second + 0.5) for second in now] + [(Task.PLACE_BEFORE, t) for t in later]
    posed = [pose(scene, task, track.rare, ask, rng, letter=next(keys), track=track) for task, ask in plan]
    turns = [ChainTurn(_slotted(asked, track.rare), 0) for asked in posed if asked is not None]
    return Chain(track, (ChainTurn(opening, None), *turns)) if len(turns) >= 2 else None


def _identify(
    scene: Scene, track: Track, seconds: Sequence[int], rng: random.Random, keys: Iterator[str]
) -> WorldQuestion | None:
    """The question that the rare attribute answers, at a time when other objects are there too, if there is one."""
    task = Task.COLOUR_NOW if isinstance(track.rare, Colour) else Task.SHAPE_NOW
    times = rng.sample(seconds, k=len(seconds))
    times.sort(key=lambda second: len(scene.objects_at(second)) < 2)
    for second in times:
        placed = track.at(second)
        if placed is None:
            continue
        wears: Subject = placed.shape if task is Task.COLOUR_NOW else placed.colour
        if sum(matches(other, wears) for other in scene.objects_at(second)) == 1:
            return pose(scene, task, wears, second + 0.5, rng, letter=next(keys))
    return None


def _past_asks(scene: Scene, track: Track, n: int, rng: random.Random) -> list[float]:
    """Ascending times at which it has left S1's window; half of the time also S2's, as far as the stream is long."""
    last = int(scene.duration_s) - 1
    near = range(int(track.leave + MIN_AGE_S), min(last, int(track.leave + WINDOW_AGE_S)) + 1)
    far = range(int(track.leave + MEMORY_AGE_S), min(last, int(track.leave + 4 * MEMORY_AGE_S)) + 1)
    found: set[int] = set()
    for _ in range(n):
        choices = [t for t in (far if far and rng.random() < 0.5 else near) if t not in found]
        found |= {rng.choice(choices)} if choices else set()
    return [second + 0.5 for second in sorted(found)]


def _slotted(asked: WorldQuestion, subject: Subject) -> WorldQuestion:
    return replace(asked, text=asked.text.replace(f"the {subject} ", f"the {SLOT} ", 1))

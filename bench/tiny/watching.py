"""One test scene, watched by both models: its frames and notes, and whoever may be asked about it.

The way is the ordinary one (a real file, the reader's frames, S1's window, S2's window and its memory), without a
broker; questions may be asked in any order, for nobody is shown anything from behind the ask.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.data.world import encode_video
from shared.memory import Memory
from shared.messages import Draft, Hit, Note, Profile, Question, Search
from shared.perception import Perceiver, Thinker, encode_frames, respond, window
from shared.video import Frame, frames
from shared.video.synth import Scene
from shared.vlm import Vlm

__all__ = ["CONDITIONS", "Models", "Watching"]

CONDITIONS = ("s1", "s2", "s2-no-notes", "s2-random-notes", "text-s1", "text-s2")


@dataclass(frozen=True)
class Models:
    """Everything that is loaded."""

    s1: Vlm
    s2: Vlm
    random: Vlm
    memory: Memory


class Watching:
    """A scene, watched to its end."""

    def __init__(self, models: Models, scene: Scene) -> None:
        self.scene, self._models, self._profile = scene, models, Profile()
        self._thinker = Thinker(models.s2)
        self._frames = _read(scene)
        self._units = encode_frames(models.s1, self._frames)
        self.notes = self._write(models.s1, self.opening)
        """What S1 wrote."""
        self._write(models.random, self._noise)

    @property
    def opening(self) -> str:
        """The name under which its notes are kept."""
        return f"e{self.scene.seed}"

    @property
    def _noise(self) -> str:
        return f"r{self.scene.seed}"

    def ask(self, condition: str, question: Question) -> Draft:
        """The answer of one condition at the question's time."""
        by: dict[str, Callable[[Question], Draft]] = {
            "s1": self._s1,
            "s2": lambda q: self._s2(q, self._hits(q, self.opening)),
            "s2-no-notes": lambda q: self._s2(q, ()),
            "s2-random-notes": lambda q: self._s2(q, self._hits(q, self._noise)),
            "text-s1": lambda q: respond(self._models.s1, (), q),
            "text-s2": lambda q: respond(self._models.s2, (), q),
        }
        return by[condition](question)

    def _write(self, vlm: Vlm, opening: str) -> list[Note]:
        perceiver = Perceiver(vlm, self._profile, opening=opening, run="eval")
        notes: list[Note] = []
        for frame in self._frames:
            notes += [*perceiver.push(frame), *perceiver.advance(frame.t)]
        self._models.memory.upsert(notes)
        return notes

    def _newest(self, t: float) -> int:
        return max(frame.index for frame in self._frames if frame.t <= t)

    def _s1(self, question: Question) -> Draft:
        visible = window(self._newest(question.t_ask), self._profile.s1)
        return respond(self._models.s1, [self._units[i] for i in visible], question)

    def _s2(self, question: Question, hits: tuple[Hit, ...]) -> Draft:
        visible = window(self._newest(question.t_ask), self._profile.s2)
        return self._thinker.answer(question, [self._frames[i] for i in visible], hits)

    def _hits(self, question: Question, opening: str) -> tuple[Hit, ...]:
        query = Search(opening=opening, text=question.text, t_max=question.t_ask, k=self._profile.recall.k)
        return self._models.memory.search(query).hits


def _read(scene: Scene) -> list[Frame]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mp4"
        encode_video(scene, path)
        return list(frames(str(path), Profile().video))

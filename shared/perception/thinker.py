"""What S2 does with one job: its longer window of frames, and notes from memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from shared.messages import Draft, Hit, Question, WindowSpec
from shared.perception.answering import encode_frames, respond
from shared.perception.window import window
from shared.video import Frame
from shared.vlm import Unit, Vlm

__all__ = ["Thinker"]


class Thinker:
    """Answers S2's questions and keeps the units of frames seen lately, of any opening; thread-safe.

    The cache never changes an answer: a frame is always encoded alone.
    """

    def __init__(self, vlm: Vlm, *, max_units: int = 1024) -> None:
        self._vlm, self._max_units = vlm, max_units
        self._units: OrderedDict[tuple[str, int], Unit] = OrderedDict()
        self._lock = threading.Lock()

    def needed(
        self, index: Sequence[tuple[int, float]], t_ask: float, spec: WindowSpec, *, view_from: float = 0.0
    ) -> list[int]:
        """Frame indices of the window as of `t_ask`, from `view_from` on, given a log's (frame index, stream s).

        Those that the log no longer holds are among them, so that the caller can say what is missing.
        """
        hidden = max((i for i, t in index if t < view_from), default=-1)
        newest = max((i for i, t in index if t <= t_ask), default=-1)
        return [i for i in window(newest, spec) if i > hidden]

    def answer(
        self,
        question: Question,
        frames: Sequence[Frame],
        hits: Sequence[Hit],
        *,
        spoke: bool = False,
    ) -> Draft:
        """Answer from frames and notes between `view_from` and `t_ask`; blocks; `VideoError` or `ModelError`."""
        frames = sorted(frame for frame in frames if question.view_from <= frame.t <= question.t_ask)
        past = [hit for hit in hits if hit.note.t_end <= question.t_ask]
        units, encoded = self._encode(question.opening, frames)
        return respond(
            self._vlm,
            units,
            question,
            notes=[hit.note for hit in sorted(past, key=lambda hit: (hit.note.t_end, hit.id))],
            spoke=spoke,
            frames_encoded=encoded,
            frames_reused=len(units) - encoded,
        )

    def _encode(self, opening: str, frames: Sequence[Frame]) -> tuple[list[Unit], int]:
        units, encoded = list[Unit](), 0
        for frame in frames:
            key = (opening, frame.index)
            with self._lock:
                unit = self._units.pop(key, None)
            if unit is None:
                [unit] = encode_frames(self._vlm, [frame])
                encoded += 1
            self._keep(key, unit)
            units.append(unit)
        return units, encoded

    def _keep(self, key: tuple[str, int], unit: Unit) -> None:
        with self._lock:
            self._units[key] = unit
            while len(self._units) > self._max_units:
                self._units.popitem(last=False)

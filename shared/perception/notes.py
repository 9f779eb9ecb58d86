"""Notes that S1 writes by itself: what its model saw in one frame, on a fixed grid of stream time.

The note of tick `k` stands at `k * every_s` and is about the last frame up to there; a tick without a frame
since the tick before has none. So a frame's tick, and the note's identity, are functions of its time. The writer
`on_change` keeps silent where the model says what it said at the tick before, so that this depends on two frames alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from shared.errors import ModelError, VideoError
from shared.logs import get_logger
from shared.messages import Note, NoteKind, NoteSpec
from shared.vlm import PromptParts, Unit, Vlm
from shared.vlm.prompt import DESCRIBE

__all__ = ["MAX_NOTE_TOKENS", "NoteTaker", "note_for", "tick_of"]

MAX_NOTE_TOKENS = 64
"""Most tokens of a note."""


def tick_of(t: float, every_s: float) -> int:
    """The first tick at or after stream time `t` (seconds): the smallest `k` with `k * every_s >= t`."""
    k = math.ceil(t / every_s)
    # The quotient is rounded: the products, which others compare with, decide.
    while (k - 1) * every_s >= t:
        k -= 1
    while k * every_s < t:
        k += 1
    return max(k, 0)


def note_for(vlm: Vlm, unit: Unit, *, opening: str, run: str, seq: int, kind: NoteKind = "scene") -> Note:
    """What the model says that it sees in one frame; blocks, raises `ModelError`."""
    said = vlm.generate(PromptParts(units=(unit,), question=DESCRIBE), max_new_tokens=MAX_NOTE_TOKENS)
    t = unit.times[-1]
    return Note(opening=opening, run=run, kind=kind, seq=seq, t_start=t, t_end=t, text=said.text)


class NoteTaker:
    """Which note of one opening is due next. Not thread-safe: whoever pushes frames calls it."""

    def __init__(self, vlm: Vlm, spec: NoteSpec, *, opening: str, run: str) -> None:
        self._vlm, self._spec, self._opening, self._run = vlm, spec, opening, run
        self._next_tick = 0
        self._took_over = False
        self._said: str | None = None

    def start(self, index: int, t: float) -> None:
        """The first frame that is pushed; behind index 0 the ticks before it were a predecessor's."""
        if index > 0:
            self._next_tick, self._took_over = tick_of(t, self._spec.every_s), True

    def due(self, newest_t: float, see: Callable[[], Unit], t: float, *, inclusive: bool) -> list[Note]:
        """The notes due before (or at) stream time `t`; blocks. One that the model fails at is left out, and logged.

        The newest frame is of `newest_t`, and `see` gives its unit where there is something to write about it.
        """
        if not self._spec.enabled:
            return []
        # Only the newest frame can have a tick open: an earlier one's is past, or the newest has taken it.
        tick = tick_of(newest_t, self._spec.every_s)
        at = tick * self._spec.every_s
        if tick < self._next_tick or at > t or (at == t and not inclusive):
            return []
        self._next_tick = tick + 1
        try:
            note = note_for(self._vlm, see(), opening=self._opening, run=self._run, seq=tick)
        except (ModelError, VideoError) as error:
            # A stream does not end for want of a note: whoever took it over would fail at the same one.
            get_logger().warning("note_failed", stream=self._opening, t=at, error=str(error))
            return []
        return [note] if self._spec.writer == "every" else self._if_new(note)

    def _if_new(self, note: Note) -> list[Note]:
        before, self._said = self._said, note.text
        if before is None:
            # The log reaches so far back that a predecessor has dealt with a successor's first tick.
            return [] if self._took_over else [note]
        return [] if before == note.text else [note.model_copy(update={"kind": "change"})]

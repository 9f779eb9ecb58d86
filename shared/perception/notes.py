"""Notes that S1 writes by itself: what its model saw in one frame, on a fixed grid of stream time.

The note of tick `k` stands at `k * every_s` and is about the last frame up to there; a tick without a frame
since the tick before has none. So a frame's tick, and the note's identity, are functions of its time.
"""

from __future__ import annotations

import math

from shared.messages import Note
from shared.vlm import PromptParts, Unit, Vlm
from shared.vlm.prompt import DESCRIBE

__all__ = ["MAX_NOTE_TOKENS", "note_for", "tick_of"]

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


def note_for(vlm: Vlm, unit: Unit, *, opening: str, run: str, seq: int) -> Note:
    """What the model says that it sees in one frame; blocks, raises `ModelError`."""
    said = vlm.generate(PromptParts(units=(unit,), question=DESCRIBE), max_new_tokens=MAX_NOTE_TOKENS)
    t = unit.times[-1]
    return Note(opening=opening, run=run, seq=seq, t_start=t, t_end=t, text=said.text)

"""What S1 and S2 make of frames and notes, alike in the stack and offline: windows, notes, answers."""

from __future__ import annotations

from shared.perception.answering import encode_frames, respond, warm_up
from shared.perception.notes import note_for, tick_of
from shared.perception.perceiver import Perceiver
from shared.perception.thinker import Thinker
from shared.perception.window import window

__all__ = [
    "Perceiver",  # S1's state of one opening
    "Thinker",  # S2's way to an answer
    "encode_frames",  # JPEG frames to units
    "note_for",  # what S1 writes about a frame
    "respond",  # one question from given units and notes
    "tick_of",  # the note tick of a stream time
    "warm_up",  # pay the first call's price before the first question
    "window",  # which frames are visible
]

"""What S1 and S2 make of frames and notes, alike in the stack and offline: windows, notes, answers."""

from __future__ import annotations

from shared.perception.answering import encode_frames, respond, warm_up
from shared.perception.keeping import Seen, reuse_of
from shared.perception.notes import note_for, tick_of
from shared.perception.perceiver import Perceiver
from shared.perception.recalling import nonsense, pointed, search_for
from shared.perception.standing import at_tick, due, said_yes, ticks
from shared.perception.thinker import Thinker
from shared.perception.window import window

__all__ = [
    "Perceiver",  # S1's state of one opening
    "Seen",  # frames as a model takes them
    "Thinker",  # S2's way to an answer
    "at_tick",  # a standing question as one tick looks at it
    "due",  # the newest tick of a standing question
    "encode_frames",  # JPEG frames to units
    "nonsense",  # why memory can not have meant its reply
    "note_for",  # what S1 writes about a frame
    "pointed",  # frames that notes point to
    "respond",  # one question from given units and notes
    "reuse_of",  # how the prefix of a stream is reused
    "said_yes",  # whether a tick's answer was yes
    "search_for",  # what S2 asks memory
    "tick_of",  # the note tick of a stream time
    "ticks",  # when a standing question is looked at
    "warm_up",  # pay the first call's price before the first question
    "window",  # which frames are visible
]

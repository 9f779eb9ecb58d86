"""What S1 knows of one opening: the units of its newest frames, and which note is due next.

What it says is a pure function of the frames pushed, so a successor that starts within the log says the same.
"""

from __future__ import annotations

from shared.messages import Draft, Note, Profile, Question
from shared.perception.answering import encode_frames, respond
from shared.perception.notes import note_for, tick_of
from shared.perception.window import window
from shared.video import Frame
from shared.vlm import Unit, Vlm

__all__ = ["Perceiver"]


class Perceiver:
    """One opening's perception. One caller pushes and advances; `answer` may run beside it in a thread."""

    encoded: int
    """Frames that went through the vision tower."""

    def __init__(self, vlm: Vlm, profile: Profile, *, opening: str, run: str) -> None:
        self._vlm, self._profile, self._opening, self._run = vlm, profile, opening, run
        self._units: tuple[Unit, ...] = ()  # replaced as a whole, so that `answer` sees one state
        self._first = 0
        self._next_tick = 0
        self.encoded = 0

    @property
    def newest_index(self) -> int:
        """Index of the newest frame pushed; -1 before the first."""
        return self._units[-1].index if self._units else -1

    @property
    def newest_t(self) -> float:
        """Stream time of the newest frame pushed, seconds; -1 before the first."""
        return self._units[-1].times[-1] if self._units else -1.0

    def push(self, frame: Frame) -> list[Note]:
        """Take the next frame; returns the notes due strictly before it. One seen already changes nothing.

        Blocks; raises `VideoError` or `ModelError`, and has then not taken the frame.
        """
        if frame.index <= self.newest_index:
            return []
        [unit] = encode_frames(self._vlm, [frame])
        notes = self._due(frame.t, inclusive=False)
        if not self._units:
            self._start(frame)
        self._units = (*self._kept(frame.index), unit)
        self.encoded += 1
        return notes

    def advance(self, t: float) -> list[Note]:
        """No further frame comes up to stream time `t`: returns the notes due by then. Blocks."""
        return self._due(t, inclusive=True)

    def answer(self, question: Question, *, spoke: bool = False) -> Draft:
        """Answer from the window as it was at `t_ask`, no further back than `view_from`; blocks, `ModelError`.

        `spoke` is for ticks of a standing question (`respond`). `partial` says which part of the window is gone:
        `log_truncated` (before the first frame pushed), `evicted` (asked too late), or `frames_dropped` (never
        pushed).
        """
        held = self._units
        past = [unit for unit in held if unit.times[-1] <= question.t_ask]
        # With nothing left from before the ask, the first frame stands for all that may have been seen.
        wanted = set(window(past[-1].index, self._profile.s1)) if past else {0} if held else set()
        # What came before a frame that is out of view is out of view.
        hidden = max((unit.index for unit in past if unit.times[-1] < question.view_from), default=-1)
        seen = [unit for unit in past if unit.index in wanted and unit.index > hidden]
        missing = {index for index in wanted if index > hidden} - {unit.index for unit in held}
        partial = self._why(min(missing), held[0].index) if missing else ""
        return respond(self._vlm, seen, question, spoke=spoke, frames_reused=len(seen), partial=partial)

    def _start(self, frame: Frame) -> None:
        self._first = frame.index
        if frame.index > 0:  # a successor: earlier ticks were its predecessor's
            self._next_tick = tick_of(frame.t, self._profile.notes.every_s)

    def _kept(self, newest: int) -> tuple[Unit, ...]:
        # One reach behind the window, for questions about a little earlier than now.
        oldest = window(newest, self._profile.s1)[0] - self._profile.s1.reach
        return tuple(unit for unit in self._units if unit.index >= oldest)

    def _due(self, t: float, *, inclusive: bool) -> list[Note]:
        if not self._profile.notes.enabled or not self._units:
            return []
        # Only the newest frame can have a tick open: an earlier one's is past, or the newest has taken it.
        every, unit = self._profile.notes.every_s, self._units[-1]
        tick = tick_of(unit.times[-1], every)
        at = tick * every
        if tick < self._next_tick or at > t or (at == t and not inclusive):
            return []
        note = note_for(self._vlm, unit, opening=self._opening, run=self._run, seq=tick)
        self._next_tick = tick + 1
        return [note]

    def _why(self, missing: int, oldest: int) -> str:
        if missing < self._first:
            return "log_truncated"
        return "evicted" if missing < oldest else "frames_dropped"

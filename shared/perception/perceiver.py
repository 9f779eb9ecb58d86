"""What S1 knows of one opening: its newest frames, what was computed of them, and which note is due next.

What it says is a pure function of the frames pushed, so a successor that starts within the log says the same.
"""

from __future__ import annotations

import contextlib

from shared.errors import ModelError, VideoError
from shared.messages import Draft, Note, Profile, Question
from shared.perception.answering import respond
from shared.perception.keeping import UnitStore, forget, prefill, reuse_of, stamped
from shared.perception.notes import NoteTaker
from shared.perception.window import window
from shared.video import Frame
from shared.vlm import Vlm

__all__ = ["Perceiver"]


class Perceiver:
    """One opening's perception. One caller pushes and advances; `answer` may run beside it in a thread."""

    def __init__(self, vlm: Vlm, profile: Profile, *, opening: str, run: str) -> None:
        self._vlm, self._profile, self._opening = vlm, profile, opening
        self._taker = NoteTaker(vlm, profile.notes, opening=opening, run=run)
        self._cache, self._reuse = profile.cache, reuse_of(profile.cache, opening, profile.s1)
        self._frames: tuple[Frame, ...] = ()  # replaced as a whole, so that `answer` sees one state
        self._store = UnitStore(vlm)
        self._ahead = self._cache.enabled and self._cache.ahead != "none"
        self.close()  # of an earlier owner in this process
        self._first = 0

    @property
    def encoded(self) -> int:
        """Frames that went through the vision tower."""
        return self._store.encoded

    @property
    def newest_index(self) -> int:
        """Index of the newest frame pushed; -1 before the first."""
        return self._frames[-1].index if self._frames else -1

    @property
    def newest_t(self) -> float:
        """Stream time of the newest frame pushed, seconds; -1 before the first."""
        return self._frames[-1].t if self._frames else -1.0

    def push(self, frame: Frame) -> list[Note]:
        """Take the next frame; returns the notes due strictly before it. One seen already changes nothing.

        Blocks; raises `VideoError` or `ModelError`, and has then not taken the frame.
        """
        if frame.index <= self.newest_index:
            return []
        if self._cache.enabled:
            self._store.see(self._opening, [frame], self._cache)
        notes = self._due(frame.t, inclusive=False)
        if not self._frames:
            self._start(frame)
        # One reach behind the window, for questions about a little earlier than now.
        oldest = window(frame.index, self._profile.s1)[0] - self._profile.s1.reach
        self._frames = (*(held for held in self._frames if held.index >= oldest), frame)
        self._store.drop_before(self._opening, oldest)
        return notes

    def advance(self, t: float) -> list[Note]:
        """No further frame comes up to stream time `t`: returns the notes due by then. Blocks."""
        return self._due(t, inclusive=True)

    def prefill(self) -> None:
        """Compute the prefix of the window as it is now, so that a question need not. Blocks."""
        if not self._ahead or not self._frames:
            return
        wanted = set(window(self.newest_index, self._profile.s1))
        frames = [frame for frame in self._frames if frame.index in wanted]
        with contextlib.suppress(ModelError, VideoError):  # the question's own error, if there is one
            units = self._store.see(self._opening, frames, self._cache).units
            self._ahead = prefill(self._vlm, units, self._reuse)

    def close(self) -> None:
        """Let go of what the model holds of this opening."""
        forget(self._vlm, self._opening)

    def answer(self, question: Question, *, spoke: bool = False) -> Draft:
        """Answer from the window as it was at `t_ask`, no further back than `view_from`; blocks, `ModelError`.

        `spoke` is for ticks of a standing question (`respond`). `partial` says which part of the window is gone:
        `log_truncated` (before the first frame pushed), `evicted` (asked too late), or `frames_dropped` (never
        pushed).
        """
        held = self._frames
        past = [frame for frame in held if frame.t <= question.t_ask]
        # With nothing left from before the ask, the first frame stands for all that may have been seen.
        wanted = set(window(past[-1].index, self._profile.s1)) if past else {0} if held else set()
        # What came before a frame that is out of view is out of view.
        hidden = max((frame.index for frame in past if frame.t < question.view_from), default=-1)
        frames = [frame for frame in past if frame.index in wanted and frame.index > hidden]
        missing = {index for index in wanted if index > hidden} - {frame.index for frame in held}
        partial = self._why(min(missing), held[0].index) if missing else ""
        seen = self._store.see(self._opening, frames, self._cache)
        draft = respond(self._vlm, seen.units, question, spoke=spoke, partial=partial, reuse=self._reuse)
        if not self._cache.enabled:
            self.close()
        return stamped(draft, seen, self._vlm, self._store, self._opening)

    def _start(self, frame: Frame) -> None:
        self._first = frame.index
        self._taker.start(frame.index, frame.t)

    def _due(self, t: float, *, inclusive: bool) -> list[Note]:
        if not self._frames:
            return []
        newest = self._frames[-1]
        return self._taker.due(
            newest.t,
            lambda: self._store.see(self._opening, [newest], self._cache).units[0],
            t,
            inclusive=inclusive,
        )

    def _why(self, missing: int, oldest: int) -> str:
        if missing < self._first:
            return "log_truncated"
        return "evicted" if missing < oldest else "frames_dropped"

"""The plain reference: every question answered in this process, from the source itself, without broker or
services.

For each question the source is decoded from its start up to the ask time, the window is taken and encoded
afresh, and S2's notes are the ones that S1 would have written by then. No state is carried from one question
to the next but notes already written about the same frames; the stack must give the same drafts. With
`kv_reuse` a prompt is run in the chunks of `shared.vlm.prefix`, since sums in another order round otherwise.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.run.plan import Play
from shared.errors import DeviceLost, DsbError
from shared.memory import Memory
from shared.messages import (
    Answer,
    Draft,
    Hit,
    Note,
    Open,
    Path,
    Profile,
    Question,
    RouteStamp,
    Status,
    Timings,
)
from shared.perception import (
    Thinker,
    encode_frames,
    note_for,
    pointed,
    respond,
    reuse_of,
    search_for,
    window,
)
from shared.perception.keeping import forget
from shared.video import Frame, frames
from shared.vlm import Vlm

__all__ = ["Offline", "due_frames", "seen"]

WORKER = "offline"


def seen(uri: str, profile: Profile, t_ask: float) -> list[Frame]:
    """Every sampled frame up to `t_ask`, decoded from the start; `VideoError` if the source breaks before."""
    found: list[Frame] = []
    for frame in frames(uri, profile.video):
        if frame.t > t_ask:
            break
        found.append(frame)
        if frame.t == t_ask:
            break
    return found


def due_frames(past: Sequence[Frame], every_s: float, t_ask: float) -> list[tuple[int, Frame]]:
    """The ticks whose notes are due by `t_ask`, each with the last frame up to it, if it is new.

    This is the rule of shared.perception.notes, written down a second time and by its definition.
    """
    due: list[tuple[int, Frame]] = []
    tick = 0
    while tick * every_s <= t_ask:
        within = [frame for frame in past if (tick - 1) * every_s < frame.t <= tick * every_s]
        if within:
            due.append((tick, within[-1]))
        tick += 1
    return due


class _Whole(NamedTuple):
    frames: list[Frame]
    end_t: float
    error: DsbError | None


def _read(uri: str, profile: Profile) -> _Whole:
    """One pass over the whole source, as far as it can be read."""
    found: list[Frame] = []
    stream, error = None, None
    try:
        stream = frames(uri, profile.video)
        found.extend(stream)
    except DsbError as broken:
        error = broken
    return _Whole(found, stream.end_t if stream else 0.0, error)


class Offline:
    """Answers the questions of one opening; its models block, so run it in a thread.

    With `once` the source is decoded once for all questions, not afresh for each: the same frames, sooner.
    """

    def __init__(
        self, opened: Open, play: Play, *, s1: Vlm, s2: Vlm, memory: Memory | None, once: bool = False
    ) -> None:
        kept_not = opened.profile.cache.model_copy(update={"enabled": False})
        self._profile = opened.profile.model_copy(update={"cache": kept_not})
        self._open, self._uri = opened, play.uri
        self._reuse = reuse_of(kept_not, opened.opening, self._profile.s1)
        self._s1, self._s2, self._memory = s1, s2, memory
        self._notes: dict[int, Note] = {}
        self._stored: set[int] = set()
        self._all: _Whole | None = None
        self._once = once

    @property
    def end_t(self) -> float | None:
        """Where the source ends; null when it broke."""
        return None if self._whole().error else self._whole().end_t

    @property
    def profile(self) -> Profile:
        """What it plays by."""
        return self._profile

    def breaks(self, t: float) -> str:
        """Why the source can't be read up to stream time `t`; empty when it can."""
        seen_all = self._whole()
        good = bool(seen_all.frames) and seen_all.end_t >= t
        return str(seen_all.error) if seen_all.error and not good else ""

    def answer(
        self, question: Question, path: Path, stamp: RouteStamp, *, n: str = "final", spoke: bool = False
    ) -> Answer:
        """Answer one question, or one tick of a standing one, on one path; a failure is an answer, too."""
        # Ticks come by the dozen: they share one pass over the source.
        past = self._prefix(question.t_ask) if question.standing else self._decode(question.t_ask)
        return self._final(question, path, stamp, past, n=n, spoke=spoke)

    def _decode(self, t_ask: float) -> list[Frame] | DsbError:
        if self._once:
            return self._looked_up(t_ask)
        try:
            return seen(self._uri, self._profile, t_ask)
        except DsbError as error:
            return error

    def _looked_up(self, t_ask: float) -> list[Frame] | DsbError:
        """What `seen` would give, out of one pass."""
        whole = self._whole()
        if whole.error is not None and all(frame.t < t_ask for frame in whole.frames):
            return whole.error
        return [frame for frame in whole.frames if frame.t <= t_ask]

    def _prefix(self, t: float) -> list[Frame] | DsbError:
        whole = self._whole()
        if whole.error is not None and self.breaks(t):
            return whole.error
        return [frame for frame in whole.frames if frame.t <= t]

    def _whole(self) -> _Whole:
        if self._all is None:
            self._all = _read(self._uri, self._profile)
        return self._all

    def _final(
        self,
        question: Question,
        path: Path,
        stamp: RouteStamp,
        past: list[Frame] | DsbError,
        *,
        n: str,
        spoke: bool,
    ) -> Answer:
        started = time.perf_counter()
        draft, error = None, ""
        try:
            if isinstance(past, DsbError):
                raise past
            draft = self._answer(question, path, past, spoke=spoke)
        except DeviceLost:
            raise  # so would every further question be
        except DsbError as failure:
            error = str(failure)
        took = time.perf_counter() - started
        return Answer(
            opening=question.opening,
            key=question.key,
            path=path,
            n=n,
            status=Status.OK if draft else Status.ERROR,
            error=error,
            draft=draft,
            t_ask=question.t_ask,
            route=stamp,
            worker=WORKER,
            # Whose source can't be read was never given to a model.
            model="" if isinstance(past, DsbError) else (self._s1 if path is Path.S1 else self._s2).name,
            timings=Timings(model=took, total=took),
        )

    def _answer(self, question: Question, path: Path, past: list[Frame], *, spoke: bool) -> Draft:
        newest = past[-1].index if past else -1
        in_view = {frame.index: frame for frame in past if frame.t >= question.view_from}
        if path is Path.S1:
            visible = [in_view[index] for index in window(newest, self._profile.s1) if index in in_view]
            units = encode_frames(self._s1, visible)
            draft = respond(
                self._s1, units, question, spoke=spoke, frames_encoded=len(units), reuse=self._reuse
            )
            forget(self._s1, question.opening)
            return draft
        visible = [in_view[index] for index in window(newest, self._profile.s2) if index in in_view]
        notes = self._recall(question, past)
        visible = sorted([*visible, *self._pointed(question, notes, past, visible)])
        return Thinker(self._s2).answer(question, visible, notes, spoke=spoke, profile=self._profile)

    def _recall(self, question: Question, past: list[Frame]) -> tuple[Hit, ...]:
        spec = self._profile.recall
        if not spec.reads or self._memory is None:
            return ()
        if self._profile.notes.enabled:
            new = [note for note in self._written(past, question.t_ask) if note.seq not in self._stored]
            self._memory.upsert(new)
            self._stored |= {note.seq for note in new}
        search = search_for(question, spec)
        return self._memory.search(search).hits if search else ()

    def _pointed(
        self, question: Question, notes: Sequence[Hit], past: Sequence[Frame], visible: Sequence[Frame]
    ) -> list[Frame]:
        index = [(frame.index, frame.t) for frame in past]
        seen = {frame.index for frame in visible}
        wanted = set(pointed(notes, index, question, self._profile.recall, seen=seen))
        return [frame for frame in past if frame.index in wanted]

    def _written(self, past: list[Frame], t_ask: float) -> list[Note]:
        due = due_frames(past, self._profile.notes.every_s, t_ask)
        notes = [self._note(tick, frame) for tick, frame in due]
        if self._profile.notes.writer == "every":
            return notes
        changed = [
            now.model_copy(update={"kind": "change"})
            for before, now in itertools.pairwise(notes)
            if now.text != before.text
        ]
        return notes[:1] + changed

    def _note(self, tick: int, frame: Frame) -> Note:
        # Written once a tick: it is a function of that one frame, whichever question asks for it.
        if tick not in self._notes:
            [unit] = encode_frames(self._s1, [frame])
            self._notes[tick] = note_for(
                self._s1, unit, opening=self._open.opening, run=self._open.run, seq=tick
            )
        return self._notes[tick]

"""The plain reference: every question answered in this process, from the source itself, without broker or
services.

For each question the source is decoded from its start up to the ask time, the window is taken and encoded
afresh, and S2's notes are the ones that S1 would have written by then. No state is carried from one question
to the next but notes already written about the same frames; the stack must give the same drafts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bench.data import AskedQuestion
from bench.run.plan import Play, decided
from shared.errors import DsbError
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
    Search,
    Status,
    Timings,
)
from shared.perception import Thinker, encode_frames, note_for, respond, window
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


class Offline:
    """Answers the questions of one opening; its models block, so run it in a thread."""

    def __init__(self, opened: Open, play: Play, *, s1: Vlm, s2: Vlm, memory: Memory) -> None:
        self._open, self._profile, self._uri = opened, opened.profile, play.uri
        self._s1, self._s2, self._memory = s1, s2, memory
        self._notes: dict[int, Note] = {}

    def answers(self, item: AskedQuestion, route: str, give: Callable[[Answer], None]) -> None:
        """Answer one question on every path of its route; hands each final over as soon as it is there."""
        decision = decided(item, route)
        stamp = RouteStamp(route=route, score=decision.score, reason=decision.reason)
        past = self._decode(item.ask_s)
        for path in decision.paths:
            give(self._final(item.question, path, stamp, past))

    def _decode(self, t_ask: float) -> list[Frame] | DsbError:
        try:
            return seen(self._uri, self._profile, t_ask)
        except DsbError as error:
            return error

    def _final(
        self, question: Question, path: Path, stamp: RouteStamp, past: list[Frame] | DsbError
    ) -> Answer:
        started = time.perf_counter()
        draft, error = None, ""
        try:
            if isinstance(past, DsbError):
                raise past
            draft = self._answer(question, path, past)
        except DsbError as failure:
            error = str(failure)
        took = time.perf_counter() - started
        return Answer(
            opening=question.opening,
            key=question.key,
            path=path,
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

    def _answer(self, question: Question, path: Path, past: list[Frame]) -> Draft:
        newest = past[-1].index if past else -1
        by_index = {frame.index: frame for frame in past}
        if path is Path.S1:
            visible = [by_index[index] for index in window(newest, self._profile.s1)]
            units = encode_frames(self._s1, visible)
            return respond(self._s1, units, question, frames_encoded=len(units))
        visible = [by_index[index] for index in window(newest, self._profile.s2)]
        return Thinker(self._s2).answer(question, visible, self._recall(question, past))

    def _recall(self, question: Question, past: list[Frame]) -> tuple[Hit, ...]:
        spec = self._profile.recall
        if not spec.enabled:
            return ()
        if self._profile.notes.enabled:
            self._memory.upsert(self._written(past, question.t_ask))
        search = Search(opening=question.opening, text=question.text, t_max=question.t_ask, k=spec.k)
        return self._memory.search(search).hits

    def _written(self, past: list[Frame], t_ask: float) -> list[Note]:
        due = due_frames(past, self._profile.notes.every_s, t_ask)
        return [self._note(tick, frame) for tick, frame in due]

    def _note(self, tick: int, frame: Frame) -> Note:
        # Written once a tick: it is a function of that one frame, whichever question asks for it.
        if tick not in self._notes:
            [unit] = encode_frames(self._s1, [frame])
            self._notes[tick] = note_for(
                self._s1, unit, opening=self._open.opening, run=self._open.run, seq=tick
            )
        return self._notes[tick]

"""What S2 does with one job: its longer window of frames, and notes from memory."""

from __future__ import annotations

from collections.abc import Sequence

from shared.messages import CacheSpec, Draft, Hit, Profile, Question, RecallSpec, WindowSpec
from shared.perception.answering import respond
from shared.perception.keeping import Seen, UnitStore, forget, prefill, reuse_of, stamped
from shared.perception.recalling import in_prompt_order
from shared.perception.window import window
from shared.video import Frame
from shared.vlm import Reuse, Vlm

__all__ = ["Thinker"]

_PLAIN = CacheSpec(kv_reuse=False)


class Thinker:
    """Answers S2's questions and keeps the units of frames seen lately, of any opening; thread-safe.

    What it keeps never changes an answer.
    """

    def __init__(self, vlm: Vlm, *, max_units: int = 1024) -> None:
        self._vlm, self._store = vlm, UnitStore(vlm, limit=max_units)

    def needed(
        self, index: Sequence[tuple[int, float]], t_ask: float, spec: WindowSpec, *, view_from: float = 0.0
    ) -> list[int]:
        """Frame indices of the window as of `t_ask`, from `view_from` on, given a log's (frame index, stream s).

        Those that the log no longer holds are among them, so that the caller can say what is missing.
        """
        hidden = max((i for i, t in index if t < view_from), default=-1)
        newest = max((i for i, t in index if t <= t_ask), default=-1)
        return [i for i in window(newest, spec) if i > hidden]

    def see(self, question: Question, frames: Sequence[Frame], profile: Profile | None = None) -> Seen:
        """Encode a question's frames and compute their prefix: what there is to do before notes are there.

        Blocks; raises `VideoError` or `ModelError`.
        """
        seen = self._see(question, frames, profile)
        prefill(self._vlm, seen.units, _reuse(question, profile))
        return seen

    def answer(
        self,
        question: Question,
        frames: Sequence[Frame],
        hits: Sequence[Hit],
        *,
        spoke: bool = False,
        profile: Profile | None = None,
        ahead: Seen | None = None,
    ) -> Draft:
        """Answer from frames and notes between `view_from` and `t_ask`; blocks; `VideoError` or `ModelError`.

        `profile` says what is kept and reused; without one it is the encoded frames only. `ahead` is what `see` gave.
        """
        past = [hit for hit in hits if hit.note.t_end <= question.t_ask]
        seen = self._see(question, frames, profile)
        seen = seen.after(ahead) if ahead else seen
        draft = respond(
            self._vlm,
            seen.units,
            question,
            notes=[hit.note for hit in in_prompt_order(past, profile.recall if profile else RecallSpec())],
            spoke=spoke,
            reuse=_reuse(question, profile),
        )
        if profile is not None and not profile.cache.enabled:
            forget(self._vlm, question.opening)
        return stamped(draft, seen, self._vlm, self._store, question.opening)

    def drop_before(self, opening: str, index: int) -> None:
        """Let go of an opening's frames before this one, which will not be asked for again."""
        self._store.drop_before(opening, index)

    def _see(self, question: Question, frames: Sequence[Frame], profile: Profile | None) -> Seen:
        shown = sorted(frame for frame in frames if question.view_from <= frame.t <= question.t_ask)
        return self._store.see(question.opening, shown, profile.cache if profile else _PLAIN)


def _reuse(question: Question, profile: Profile | None) -> Reuse | None:
    return reuse_of(profile.cache, question.opening, profile.s2) if profile else None

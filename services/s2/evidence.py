"""What S2 looks at before it answers: the frames of its window from the log, and the notes that memory finds."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import NamedTuple

from services.s2.settings import S2Settings
from shared import subjects
from shared.bus import Bus, FrameLog
from shared.errors import DataError, TransportError
from shared.logs import get_logger
from shared.messages import Hit, S2Job, Search, SearchReply
from shared.perception import Thinker, nonsense, pointed, search_for
from shared.retry import persist
from shared.video import Frame

__all__ = ["Evidence", "Frames", "Notes"]


class Frames(NamedTuple):
    """Frames of the window, ascending."""

    frames: list[Frame]
    missing: int
    """Frames of the window that the log no longer holds."""


class Notes(NamedTuple):
    """Notes found; `lost` when memory could not be reached in time, or answered nonsense."""

    hits: tuple[Hit, ...]
    lost: bool = False


_REST_S = 5.0


class Evidence:
    """Gathers frames and notes for jobs; remembers the frame index of recent openings."""

    def __init__(self, bus: Bus, settings: S2Settings) -> None:
        self._bus, self._settings = bus, settings
        self._logs: OrderedDict[str, FrameLog] = OrderedDict()
        self._rests_until: float | None = None

    def _log(self, opening: str, *, live: bool) -> FrameLog:
        log = self._logs.pop(opening, None) or FrameLog(self._bus, opening, live=live)
        self._logs[opening] = log
        while len(self._logs) > self._settings.logs_kept:
            self._logs.popitem(last=False)
        return log

    async def frames(self, job: S2Job, thinker: Thinker) -> Frames:
        """The frames of S2's window at the ask time, as far as the log still has them."""
        log = self._log(job.question.opening, live=job.profile.live)
        stored = {record.index: record for record in await log.index() if record.kind == "frame"}
        seen = [(record.index, record.t) for record in stored.values()]
        question = job.question
        if stored and job.profile.live:
            thinker.drop_before(question.opening, min(stored))
        needed = thinker.needed(seen, question.t_ask, job.profile.s2, view_from=question.view_from)
        found = [await log.fetch(stored[index].seq) for index in needed if index in stored]
        frames = [Frame(record.index, record.t, record.jpeg) for record in found if record is not None]
        return Frames(frames, len(needed) - len(frames))

    async def notes(self, job: S2Job) -> Notes:
        """Notes that ended by the ask time; none, and `lost`, when memory is away for longer than it may be.

        Who was away is asked again after a rest, and not waited for until it has answered.
        """
        search = search_for(job.question, job.profile.recall)
        if search is None:
            return Notes(())
        if self._rests_until is not None and time.monotonic() < self._rests_until:
            return Notes((), lost=True)
        patience = self._settings.live_memory_s if job.profile.live else self._settings.capacity_memory_s
        try:
            reply = await persist(
                lambda: self._ask(search, job.trace),
                what="memory search",
                within_s=patience if self._rests_until is None else 0.0,
            )
        except TransportError as error:
            self._rests_until = time.monotonic() + _REST_S
            get_logger().warning("memory_away", stream=search.opening, error=str(error))
            return Notes((), lost=True)
        self._rests_until = None
        return Notes(reply.hits)

    async def _ask(self, search: Search, trace: str) -> SearchReply:
        try:
            reply = await self._bus.request(subjects.MEM_SEARCH, search, SearchReply, trace=trace)
        except DataError as error:
            raise TransportError(f"memory answered nonsense ({error}): restart it") from error
        if why := nonsense(search, reply):
            raise TransportError(f"memory answered nonsense ({why}): restart it")
        return reply

    async def pointed(self, job: S2Job, frames: Frames, notes: Notes) -> Frames:
        """The same frames, with those that notes point to, where the profile asks for them."""
        recall = job.profile.recall
        if not recall.frames or not notes.hits:
            return frames
        log = self._log(job.question.opening, live=job.profile.live)
        stored = {record.index: record for record in await log.index() if record.kind == "frame"}
        seen = {frame.index for frame in frames.frames}
        index = [(record.index, record.t) for record in stored.values()]
        wanted = pointed(notes.hits, index, job.question, recall, seen=seen)
        found = [await log.fetch(stored[place].seq) for place in wanted]
        more = [Frame(record.index, record.t, record.jpeg) for record in found if record is not None]
        return frames._replace(frames=sorted([*frames.frames, *more])) if more else frames

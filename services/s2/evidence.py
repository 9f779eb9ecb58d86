"""What S2 looks at before it answers: the frames of its window from the log, and the notes that memory finds."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from services.s2.settings import S2Settings
from shared import subjects
from shared.bus import Bus, FrameLog
from shared.errors import TransportError
from shared.messages import Hit, S2Job, Search, SearchReply
from shared.perception import Thinker
from shared.retry import persist
from shared.video import Frame

__all__ = ["Evidence", "Frames", "Notes"]


class Frames(NamedTuple):
    """Frames of the window, ascending."""

    frames: list[Frame]
    missing: int
    """Frames of the window that the log no longer holds."""


class Notes(NamedTuple):
    """Notes found; `lost` when memory could not be reached in time (live mode only)."""

    hits: tuple[Hit, ...]
    lost: bool = False


class Evidence:
    """Gathers frames and notes for jobs; remembers the frame index of recent openings."""

    def __init__(self, bus: Bus, settings: S2Settings) -> None:
        self._bus, self._settings = bus, settings
        self._logs: OrderedDict[str, FrameLog] = OrderedDict()

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
        needed = thinker.needed(seen, question.t_ask, job.profile.s2, view_from=question.view_from)
        found = [await log.fetch(stored[index].seq) for index in needed if index in stored]
        frames = [Frame(record.index, record.t, record.jpeg) for record in found if record is not None]
        return Frames(frames, len(needed) - len(frames))

    async def notes(self, job: S2Job) -> Notes:
        """Notes that ended by the ask time, most similar first; waits for memory for ever in capacity mode."""
        if not job.profile.recall.enabled:
            return Notes(())
        question = job.question
        search = Search(
            opening=question.opening, text=question.text, t_max=question.t_ask, k=job.profile.recall.k
        )
        try:
            reply = await persist(
                lambda: self._bus.request(subjects.MEM_SEARCH, search, SearchReply, trace=job.trace),
                what="memory search",
                within_s=self._settings.live_memory_s if job.profile.live else None,
            )
        except TransportError:
            return Notes((), lost=True)
        return Notes(reply.hits)

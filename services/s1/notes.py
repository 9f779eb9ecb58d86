"""Writing notes to memory: in order, acknowledged, repeatable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared import subjects
from shared.bus import Bus, failpoints
from shared.errors import TransportError
from shared.logs import get_logger
from shared.messages import Done, Note, Upsert
from shared.retry import persist
from shared.telemetry import counter

__all__ = ["NoteWriter"]

_NOTES = counter("s1_notes_total", "Notes by outcome", "outcome")


class NoteWriter:
    """Sends notes until memory has them.

    In capacity mode it waits for as long as the lease is `held`; live, a note that memory does not take within
    `live_s` wall-clock seconds is given up and counted.
    """

    def __init__(self, bus: Bus, *, live: bool, live_s: float, held: Callable[[], bool]) -> None:
        self._bus, self._within_s, self._held = bus, live_s if live else None, held

    async def write(self, notes: Sequence[Note]) -> None:
        """Return once the notes are searchable (or, live, given up)."""
        if not notes:
            return
        await failpoints.ahit("s1.note_computed", notes[0].opening)
        try:
            await persist(
                lambda: self._bus.request(subjects.MEM_UPSERT, Upsert(notes=tuple(notes)), Done),
                what="memory upsert",
                within_s=self._within_s,
                while_=self._held,
            )
        except TransportError as error:
            if self._within_s is None:
                raise
            _NOTES.labels("lost").inc(len(notes))
            get_logger().warning("notes_lost", stream=notes[0].opening, count=len(notes), error=str(error))
        else:
            _NOTES.labels("stored").inc(len(notes))
            await failpoints.ahit("s1.note_acked", notes[0].opening)

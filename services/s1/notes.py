"""Writing notes to memory: in order, acknowledged, repeatable; what memory does not take is kept and sent later.

A memory that is away holds nothing up for long: it is waited for once, and then passed over until it is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from shared import subjects
from shared.bus import Bus, failpoints
from shared.errors import DataError, TransportError
from shared.logs import get_logger
from shared.messages import Done, Note, Upsert
from shared.retry import persist
from shared.telemetry import counter

__all__ = ["NoteWriter"]

_NOTES = counter("s1_notes_total", "Notes by outcome", "outcome")
_KEPT = 1024
_BATCH = 64
_REST_S = 5.0


class NoteWriter:
    """Sends notes until memory has them.

    It waits `within_s` wall-clock seconds, as long as the lease is `held`. Then the notes are kept, the newest 1,024 of
    them, and memory is asked again with the next note, at most every five seconds and once each time.
    """

    def __init__(self, bus: Bus, *, within_s: float, held: Callable[[], bool]) -> None:
        self._bus, self._within_s, self._held = bus, within_s, held
        self._kept: list[Note] = []
        self._rests_until: float | None = None

    async def write(self, notes: Sequence[Note]) -> None:
        """Return once the notes are searchable, or memory has been given up for now."""
        if not notes:
            return
        await failpoints.ahit("s1.note_computed", notes[0].opening)
        self._keep(notes)
        if self._rests_until is not None and time.monotonic() < self._rests_until:
            return
        try:
            while self._kept:
                batch = tuple(self._kept[:_BATCH])
                await persist(
                    partial(self._send, batch),
                    what="memory upsert",
                    within_s=self._within_s if self._rests_until is None else 0.0,
                    while_=self._held,
                )
                self._stored(batch)
        except TransportError as error:
            if not self._held():
                raise
            self._rests_until = time.monotonic() + _REST_S
            _NOTES.labels("waiting").inc(len(notes))
            get_logger().warning(
                "memory_away", stream=notes[0].opening, notes=len(self._kept), error=str(error)
            )
        else:
            self._rests_until = None
            await failpoints.ahit("s1.note_acked", notes[0].opening)

    async def _send(self, batch: tuple[Note, ...]) -> Done:
        try:
            return await self._bus.request(subjects.MEM_UPSERT, Upsert(notes=batch), Done)
        except DataError as error:
            raise TransportError(f"memory answered nonsense ({error}): restart it") from error

    def _keep(self, notes: Sequence[Note]) -> None:
        self._kept += notes
        if (lost := len(self._kept) - _KEPT) > 0:
            _NOTES.labels("lost").inc(lost)
            del self._kept[:lost]

    def _stored(self, batch: Sequence[Note]) -> None:
        del self._kept[: len(batch)]
        _NOTES.labels("stored").inc(len(batch))

"""Notes of what is said: a user's turn, an answer, what the system says by itself (`memory.also`, docs/memory.md).

The bench asks and hears, so it writes them. A turn is known some microseconds behind it: no question finds
itself, and none of the same instant finds another's answer, so that a capacity run and an offline one agree. Where gold
left the bench (`gold_door`) nothing is written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from bench.data import AskedQuestion
from bench.run.chains import Told, said_by
from bench.run.records import Record
from shared import subjects
from shared.bus import Bus
from shared.errors import DataError, TransportError
from shared.logs import get_logger
from shared.messages import Done, Note, Open, Path, Status, TurnKind, Upsert
from shared.retry import persist

__all__ = ["TurnWriter", "Turns"]

_MICRO_S = 1e-6
"""Stream times are whole microseconds; so far behind each other lie the turns of one instant, since memory orders notes
of equal time by ids, which are other ones in each run."""
_ORDER: tuple[TurnKind, ...] = ("user", "answer", "event")
_TICKS = 100_000
"""Looks that a question may have: its notes are numbered in a block of so many a path."""
_LONGEST = 300
"""Characters of a turn that its note holds."""
_BATCH = 32
_REST_S = 5.0


class Turns:
    """The notes that the questions and answers of one play make; `take` gives those that are new."""

    def __init__(self, opened: Open, items: Sequence[AskedQuestion]) -> None:
        self._opened, self._kinds = opened, frozenset(opened.profile.notes.also)
        self._places = {item.key: place for place, item in enumerate(items)}
        self._items = {item.key: item for item in items}
        self._known: set[tuple[str, int]] = set()
        self._fresh: list[Note] = []

    def asked(self, key: str, path: Path, told: Told) -> None:
        """A question is asked on a path; it is one turn where all paths are asked the same."""
        if told.stamps.get("gold_door"):
            return
        item, text = self._items[key], told.question.text
        whose = Path.S1 if text == item.question.text else path
        self._add("user", key, whose, item.ask_s, f'The user asked: "{_short(text)}"')

    def recorded(self, record: Record) -> None:
        """An answer was given, or the system has spoken; the final of a standing question says nothing new."""
        stood = record.kind == "final" and record.ticks is not None
        said = _short(said_by(record, self._items[record.key].question.options))
        if stood or not said or record.status is not Status.OK or record.gold_door:
            return
        asked = _short(record.question or self._items[record.key].question.text)
        t = record.t_ask if record.t_emit is None else record.t_emit
        if record.kind == "emission":
            text = f'Watching for "{asked}", the system said: {said}'
            self._add("event", record.key, record.path, t, text, tick=record.tick or 0)
        else:
            text = f'Asked "{asked}", the system answered: {said}'
            self._add("answer", record.key, record.path, t, text)

    def take(self) -> list[Note]:
        """The notes since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _add(self, kind: TurnKind, key: str, path: Path, t: float, text: str, *, tick: int = 0) -> None:
        seq = (self._places[key] * len(Path) + (path is not Path.S1)) * _TICKS + tick
        if kind not in self._kinds or (kind, seq) in self._known:
            return
        self._known.add((kind, seq))
        place = (self._places[key] * len(_ORDER) + _ORDER.index(kind)) * len(Path) + (path is not Path.S1)
        at = round(t + (1 + place) * _MICRO_S, 6)
        told = {"opening": self._opened.opening, "run": self._opened.run}
        self._fresh.append(Note(**told, kind=kind, seq=seq, t_start=at, t_end=at, text=text))


class TurnWriter:
    """Sends a play's turns to memory; what it does not take within `within_s` wall-clock seconds is sent later.

    A memory that is away is asked again with the next turn, at most every five seconds and once each time. No answer
    is lost by it: S2 marks what it answers without notes.
    """

    def __init__(self, turns: Turns, bus: Bus, *, within_s: float) -> None:
        self._turns, self._bus, self._within_s = turns, bus, within_s
        self._kept: list[Note] = []
        self._rests_until: float | None = None

    async def write(self) -> None:
        """Return once all turns are searchable, or memory has been given up for now."""
        self._kept += self._turns.take()
        if self._rests_until is not None and time.monotonic() < self._rests_until:
            return
        try:
            while batch := tuple(self._kept[:_BATCH]):
                patience = self._within_s if self._rests_until is None else 0.0
                await persist(partial(self._send, batch), what="turns", within_s=patience)
                del self._kept[: len(batch)]
        except TransportError as error:
            self._rests_until = time.monotonic() + _REST_S
            stream, waiting = self._kept[0].opening, len(self._kept)
            get_logger().warning("memory_away", stream=stream, notes=waiting, error=str(error))
        else:
            self._rests_until = None

    async def keep_on(self, every_s: float) -> None:
        """Write whatever is new, again and again, until cancelled (live mode)."""
        while True:
            await self.write()
            await asyncio.sleep(every_s)

    async def _send(self, batch: tuple[Note, ...]) -> Done:
        try:
            return await self._bus.request(subjects.MEM_UPSERT, Upsert(notes=batch), Done)
        except DataError as error:
            raise TransportError(f"memory answered nonsense ({error}): restart it") from error


def _short(text: str) -> str:
    """One line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"

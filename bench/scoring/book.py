"""A book: all verdicts on one path of one part, in columns, so that a million take little room."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.scoring.base import Item, Verdict
from bench.scoring.ladder import Rung
from bench.scoring.measures import Array, Places
from shared.messages import Status

__all__ = ["Book", "Ledger"]

_RUNGS: dict[str | None, int] = {None: 0, **{rung: number for number, rung in enumerate(Rung, 1)}}
_RUNG_NAMES: list[Rung | None] = [None, *Rung]
_STATUSES = {status: number for number, status in enumerate(Status)}
_STATUS_NAMES: list[Status] = list(Status)
_CORRECT, _AT_ASK = 1, 2


@dataclass(frozen=True)
class Book:
    """The verdicts of one path, in the order of the items."""

    items: Sequence[Item]
    """All items of the part, judged or not."""
    places: Places
    """Of each verdict: the place of its item."""
    tallies: Array
    """A row a verdict."""
    correct: NDArray[np.bool_]
    correct_at_ask: NDArray[np.bool_]
    statuses: NDArray[np.int8]
    rungs: NDArray[np.int8]
    videos: Places
    """Of each verdict: its cluster."""
    parsed: Sequence[str | None]
    delays: Mapping[int, tuple[float, ...]]
    """By the place of the item; only where there are any."""
    notes: Mapping[int, Mapping[str, Any]]
    """By the place of the item."""

    def __len__(self) -> int:
        return len(self.places)

    def only(self, rows: NDArray[np.bool_]) -> Book:
        """The verdicts of these rows."""
        kept = np.flatnonzero(rows)
        return replace(
            self,
            places=self.places[kept],
            tallies=self.tallies[kept],
            correct=self.correct[kept],
            correct_at_ask=self.correct_at_ask[kept],
            statuses=self.statuses[kept],
            rungs=self.rungs[kept],
            videos=self.videos[kept],
            parsed=[self.parsed[row] for row in kept.tolist()],
        )

    def judged(self) -> list[Item]:
        """The items of the verdicts, in order."""
        return [self.items[place] for place in self.places]

    def times(self) -> list[float]:
        """All delays of the verdicts, in order."""
        return [delay for place in self.places for delay in self.delays.get(int(place), ())]

    def status(self, row: int) -> Status:
        """How a verdict's question ended."""
        return _STATUS_NAMES[int(self.statuses[row])]

    def rung(self, row: int) -> Rung | None:
        """How a verdict's answer was read."""
        return _RUNG_NAMES[int(self.rungs[row])]

    def by_status(self) -> dict[Status, int]:
        """How many questions ended in each way."""
        return {status: int((self.statuses == number).sum()) for status, number in _STATUSES.items()}

    def by_rung(self) -> dict[str, int]:
        """How many answers were read on each rung, by its name."""
        counts = Counter(self.rungs.tolist())
        return dict(sorted((str(_RUNG_NAMES[code]), count) for code, count in counts.items() if code))


class Ledger:
    """Verdicts as they come, in any order; of two on one item the first counts."""

    def __init__(self, items: Sequence[Item], columns: int) -> None:
        self._items, self._columns = items, columns
        self._places, self._tallies = array("i"), array("d")
        self._flags, self._statuses, self._rungs = array("b"), array("b"), array("b")
        self._parsed: list[str | None] = []
        self._delays: dict[int, tuple[float, ...]] = {}
        self._notes: dict[int, Mapping[str, Any]] = {}
        self._held = bytearray(len(items))

    def holds(self, place: int) -> bool:
        """Whether there is a verdict on that item."""
        return bool(self._held[place])

    def add(self, place: int, status: str, verdict: Verdict) -> None:
        """Add the verdict on the item at `place`."""
        self._held[place] = 1
        self._places.append(place)
        self._tallies.extend(verdict.tally)
        self._flags.append(_CORRECT * verdict.correct | _AT_ASK * verdict.correct_at_ask)
        self._statuses.append(_STATUSES[Status(status)])
        self._rungs.append(_RUNGS[verdict.rung])
        self._parsed.append(verdict.parsed)
        if verdict.delays:
            self._delays[place] = verdict.delays
        if verdict.note is not None:
            self._notes[place] = verdict.note

    def copy(self, book: Book, row: int) -> None:
        """Add a verdict that stands in a book."""
        place = int(book.places[row])
        flags = _CORRECT * bool(book.correct[row]) | _AT_ASK * bool(book.correct_at_ask[row])
        self._held[place] = 1
        self._places.append(place)
        self._tallies.extend(book.tallies[row])
        self._flags.append(flags)
        self._statuses.append(int(book.statuses[row]))
        self._rungs.append(int(book.rungs[row]))
        self._parsed.append(book.parsed[row])
        if place in book.delays:
            self._delays[place] = book.delays[place]

    def book(self) -> Book:
        """The verdicts in the order of the items: whatever order they came in, scores are the same."""
        places = np.array(self._places, dtype=np.int64)
        order = np.argsort(places, kind="stable")
        places = places[order]
        flags = np.array(self._flags, dtype=np.int8)[order]
        tallies = np.array(self._tallies, dtype=np.float64).reshape(-1, self._columns)
        return Book(
            self._items,
            places,
            tallies[order],
            (flags & _CORRECT).astype(np.bool_),
            (flags & _AT_ASK).astype(np.bool_),
            np.array(self._statuses, dtype=np.int8)[order],
            np.array(self._rungs, dtype=np.int8)[order],
            np.array([self._items[place].video for place in places], dtype=np.int64),
            [self._parsed[row] for row in order.tolist()],
            self._delays,
            self._notes,
        )

"""Predictions made elsewhere: a file with one JSON object a line, joined with the samples of a data set.

The file is read twice and never held: first every line is checked and its place noted under the question it
answers, then lines are read again as the samples come. Memory is a few machine words a question. What is wrong
with a line is told with `file:line`.
"""

from __future__ import annotations

import json
import math
import mmap
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self

from bench.data.dataset import Dataset
from bench.scoring.official.base import Prediction
from bench.scoring.targets import Target, Targets
from shared.errors import DataError

__all__ = ["Faults", "Predictions"]

_LONGEST = 16_000_000
_NONE = -1
_SHOWN = 3


class Faults:
    """What was wrong with lines: how often by kind, and the first few in full."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: list[str] = []

    def add(self, kind: str, text: str) -> None:
        """Note a fault of a kind."""
        self.counts[kind] += 1
        if len(self.first) < _SHOWN:
            self.first.append(text)

    def __bool__(self) -> bool:
        return bool(self.counts)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        return (
            f"{'; '.join(self.first)}{'; …' if sum(self.counts.values()) > _SHOWN else ''} (in all: {kinds})"
        )


class _Misfit(Exception):
    """A line that can't be used."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Line(NamedTuple):
    """A checked line."""

    target: Target
    prediction: Prediction


class Predictions:
    """The predictions of a file, by question. Use as a context manager; raises `DataError`.

    Without `partial` any line that can't be used is an error; with it such lines are counted and left out,
    and of several answers to one question the first counts.
    """

    def __init__(self, path: Path, dataset: Dataset, *, partial: bool = False) -> None:
        self.path, self.faults, self.lines = path, Faults(), 0
        self._targets = Targets(dataset.samples)
        self._first = array("q", [_NONE]) * self._targets.count
        self._more: dict[int, list[int]] = {}
        try:
            self._file = path.open("rb")
            size = path.stat().st_size
            self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if size else None
        except OSError as error:
            text = f"{path}: can't be read ({error.strerror})"
            raise DataError(f"{text}: give a file with one JSON object a line") from error
        self._index()
        if self.faults and not partial:
            self.close()
            raise DataError(f"{self.faults}; mend these lines, or leave them out with --partial")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._bytes is not None:
            self._bytes.close()
        self._file.close()

    @property
    def owed(self) -> int:
        """Questions that are to be answered."""
        return self._targets.count

    @property
    def answered(self) -> int:
        """Of them those that have a prediction."""
        return sum(place != _NONE for place in self._first)

    def of(self, number: int, turn: int, probe: int) -> Sequence[Prediction]:
        """What was said to one question, in the order of the file; of one with free timing: all of it."""
        slot = self._targets.slot(number, turn, probe)
        place = self._first[slot]
        if place == _NONE:
            return ()
        return tuple(self._line(at).prediction for at in (place, *self._more.get(slot, ())))

    def _index(self) -> None:
        for number, (place, line) in enumerate(self._raw(), 1):
            if not line.strip():
                continue
            self.lines += 1
            try:
                self._put(_read(line, self._targets), place)
            except _Misfit as fault:
                self.faults.add(fault.kind, f"{self.path}:{number}: {fault}")

    def _put(self, line: _Line, place: int) -> None:
        slot = line.target.slot
        if self._first[slot] == _NONE:
            self._first[slot] = place
        elif line.target.free:
            self._more.setdefault(slot, []).append(place)
        else:
            raise _Misfit("duplicate", f"{line.target.name} was already answered")

    def _raw(self) -> Iterator[tuple[int, bytes]]:
        place = 0
        while self._bytes is not None and place < len(self._bytes):
            line = self._at(place)
            yield place, line
            place += len(line) + 1

    def _at(self, place: int) -> bytes:
        assert self._bytes is not None
        end = self._bytes.find(b"\n", place)
        return self._bytes[place : len(self._bytes) if end < 0 else end]

    def _line(self, place: int) -> _Line:
        try:
            return _read(self._at(place), self._targets)
        except _Misfit as fault:
            text = f"{self.path}: a line is not what it was a moment ago ({fault})"
            raise DataError(f"{text}; leave the file alone while it is scored") from fault


def _read(line: bytes, targets: Targets) -> _Line:
    body = _parse(line)
    t_emit = body.get("t_emit")
    if t_emit is not None and not _is_time(t_emit):
        raise _Misfit("malformed", f"t_emit is {_short(t_emit)}: need seconds from 0 on")
    if "text" not in body and t_emit is None:
        raise _Misfit("malformed", "has no text: give a string, null, a list, a number or an object")
    turn, probe = _whole(body, "turn"), _whole(body, "probe")
    try:
        if body.get("sample_id") is not None:
            target = targets.by_id(_name(body, "sample_id"), turn, probe)
        else:
            target = targets.by_native(_name(body, "native_id"), _name(body, "task", ""), turn, probe)
    except LookupError as error:
        raise _Misfit("unknown", str(error.args[0])) from error
    text = body.get("text", "" if t_emit is not None else None)
    return _Line(target, Prediction(text, None if t_emit is None else float(t_emit), probe or 0))


def _parse(line: bytes) -> dict[str, Any]:
    if len(line) > _LONGEST:
        raise _Misfit("malformed", f"is {len(line)} bytes long: {_LONGEST} are the most")
    try:
        body = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:120] or "nested too deeply"
        raise _Misfit("malformed", f"is not JSON ({text})") from error
    if not isinstance(body, dict):
        raise _Misfit("malformed", f"is {_short(body)}: need an object")
    return body


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _name(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if isinstance(value, str):
        return value
    if key == "native_id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        raise _Misfit("malformed", "has neither sample_id nor native_id")
    raise _Misfit("malformed", f"{key} is {_short(value)}: need a string")


def _whole(body: dict[str, Any], key: str) -> int | None:
    value = body.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise _Misfit("malformed", f"{key} is {_short(value)}: need a whole number from 0 on")
    return value


def _is_time(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= 1e12 and math.isfinite(value)


def _short(value: Any) -> str:
    return repr(value)[:40]

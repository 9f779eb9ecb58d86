"""What an importer is, and what it is handed: native files, read one record after the other.

A record is one element of the file's list. An importer makes samples of it that hold its whole value between
them, so that the file can be rebuilt; or it says in one line why it can't. Nothing is left out in silence.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from bench.data.scan import Element, ListScan
from bench.data.schema import Sample
from shared.errors import DataError

__all__ = [
    "MAX_DEPTH",
    "Importer",
    "Kept",
    "Misfit",
    "NativeFile",
    "Record",
    "Reject",
    "escape",
    "short_hash",
    "value_text",
]

MAX_DEPTH = 64
"""A record that is nested deeper is no annotation."""


class Misfit(Exception):
    """A native value that can't be mapped: where it stands, and what is wrong with it."""

    def __init__(self, pointer: str, text: str) -> None:
        super().__init__(f"{pointer or '/'}: {text}")
        self.pointer, self.text = pointer, text


class Record(NamedTuple):
    """One native record."""

    pointer: str
    """Its place in the file, an RFC 6901 JSON pointer."""
    value: Any


class Reject(NamedTuple):
    """A native value that is in no sample. It is kept aside, so that export still gives it back."""

    file: str
    pointer: str
    """Of the value that is kept aside."""
    at: str
    """Of the field at fault."""
    text: str
    native: Any
    harmless: bool = False
    """Nothing is asked there (an entry without questions): no reason to stop."""


class Kept(NamedTuple):
    """What export knows of one native value."""

    pointer: str
    native: Any


class NativeFile(NamedTuple):
    """One annotation file."""

    path: Path
    name: str
    """As it is called in `source.file`: relative to the folder that was given, else its bare name."""
    subset: str = ""
    """What the user says it is, where neither its name nor its content tells."""

    def elements(self) -> Iterator[tuple[Record, str]]:
        """Each record, and what in it strict JSON would not have (a pointer and a text), or nothing.

        Memory holds one record at a time. Raises `DataError` that names the file when it is no list of
        records in JSON.
        """
        scan = ListScan(self.path, "", remedy="give the benchmark's own annotation file")
        try:
            for number, element in enumerate(scan.elements()):
                yield Record(f"/{number}", element.value), _fault(element, f"/{number}")
        except OSError as error:
            text = f"can't be read ({error.strerror}); give the benchmark's own annotation file"
            raise DataError(f"{self.path}: {text}") from error
        if not scan.bare:
            raise DataError(f"{self.path}: /: expected a list of records; give the benchmark's own file")


@runtime_checkable
class Importer(Protocol):
    """Reads one benchmark's files. Others join by the entry point group `dualstreambench.importers`."""

    name: str
    """On the command line, and in `source.bench`."""

    def read(self, files: Sequence[NativeFile]) -> Iterator[Sample | Reject]:
        """Samples in file order, their `source` filled in; raises `DataError` for a file that is none of its."""
        ...

    def rebuild(self, kept: Sequence[Kept]) -> Any:
        """One file's native value, from the `source.native` of its samples and from what was kept aside."""
        ...


def value_text(value: Any) -> str:
    """One text for equal JSON values, whatever they hold (NaN and half surrogate pairs too)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def short_hash(value: Any) -> str:
    """8 hex digits of the SHA-1 of a native value."""
    return hashlib.sha1(value_text(value).encode()).hexdigest()[:8]


def escape(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _fault(element: Element, pointer: str) -> str:
    """Where and why an element can't be a sample's native value; empty: it can."""
    fault = _first(element.value, pointer)
    if not fault and element.faults:
        fault = f"{pointer}: {element.faults[0]}"
    return fault


def _first(value: Any, pointer: str) -> str:
    """The first value inside that JSON has no place for, found without recursion."""
    stack = [(value, pointer, 0)]
    while stack:
        item, at, depth = stack.pop()
        if depth > MAX_DEPTH:
            return f"{at[:80]}: is nested deeper than {MAX_DEPTH}"
        if isinstance(item, dict):
            stack += [(inner, f"{at}/{escape(key)}", depth + 1) for key, inner in reversed(item.items())]
        elif isinstance(item, list):
            stack += [(item[n], f"{at}/{n}", depth + 1) for n in range(len(item) - 1, -1, -1)]
        elif isinstance(item, float) and not math.isfinite(item):
            return f"{at}: {item} is not a JSON number"
    return ""

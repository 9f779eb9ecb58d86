"""A big JSON file, one element of its list after the other: memory holds a megabyte and one element.

The file is a list, or an object with the list under one key and short values beside it, in any layout. Each
element comes with its place in the file, so that it can be read again alone. Strict: UTF-8 without a mark,
no NaN, no infinity, no key twice; such faults within an element are told with it, and reading goes on.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from shared.errors import DataError

__all__ = ["Element", "ListScan"]

_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_LONE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")
_DEEP = 100
_NEAR_END = 32
"""A literal or an escape that the end of what was read cut in two is no longer than this."""


class Element(NamedTuple):
    """One element of the list."""

    value: Any
    offset: int
    """Of its first byte in the file."""
    length: int
    """Bytes."""
    faults: tuple[str, ...] = ()
    """What strict JSON would not have: NaN, infinity, a key twice."""
    halves: bool = False
    """It may hold half a surrogate pair, which is no text."""


def _too_deep(value: Any, text: str) -> tuple[str, ...]:
    """A fault when lists and objects stand in one another more than `_DEEP` times; other libraries give up there."""
    if text.count("[") + text.count("{") <= _DEEP:
        return ()
    level, depth = [value], 0
    while level and depth <= _DEEP:
        inner = (
            item.values() if isinstance(item, dict) else item
            for item in level
            if isinstance(item, dict | list)
        )
        level, depth = [item for items in inner for item in items], depth + 1
    return (f"nested more than {_DEEP} deep",) if level else ()


class _Json:
    """A decoder that notes what strict JSON would not have."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_float=self._float, parse_constant=self._constant
        )

    def decode(self, text: str, start: int) -> tuple[Any, int]:
        """The value that begins at `start`, and where it ends; raises `ValueError`."""
        self.faults.clear()
        try:
            return self._decoder.raw_decode(text, start)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            self.faults.append(f"key {twice!r} stands twice in one object")
        return made

    def _float(self, text: str) -> float:
        value = float(text)
        if math.isinf(value):
            self.faults.append(f"{text[:40]} is too great for a number")
        return value

    def _constant(self, name: str) -> float:
        self.faults.append(f"{name} is not a JSON number")
        return float(name.replace("Infinity", "inf"))


class ListScan:
    """Reads the list under `key` of a file; `head` is whole when `elements` is exhausted."""

    def __init__(self, file: Path, key: str, *, remedy: str) -> None:
        self.head: dict[str, Any] = {}
        self.bare = False
        """Whether the file is the list itself."""
        self.found = False
        """Whether there was a list."""
        self._path, self._key, self._remedy = file, key, remedy
        self._file: BinaryIO
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._json = _Json()
        self._text, self._at, self._byte, self._ended = "", 0, 0, False
        self._lines, self._column = 0, 0

    def elements(self) -> Iterator[Element]:
        """Each element in order; raises `DataError` where the file can't be read or the JSON is broken."""
        with self._opened() as self._file:
            yield from self._document()

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except FileNotFoundError as error:
            raise DataError(f"{self._path}: no such file; {self._remedy}") from error
        except OSError as error:
            text = f"can't be read ({error.strerror}); mend its permissions or the path"
            raise DataError(f"{self._path}: {text}") from error

    def _document(self) -> Iterator[Element]:
        self._mark()
        first = self._next()
        if first == "[":
            self.bare = True
            yield from self._list()
        elif first == "{":
            yield from self._object()
        else:
            self._value()
        if self._next():
            self._fail("something follows the end of the value")

    def _object(self) -> Iterator[Element]:
        self._expect("{")
        if self._next() == "}":
            return self._advance(1)
        while True:
            if self._next() != '"':
                self._fail("expected a key in double quotes")
            key = str(self._value().value)
            self._expect(":")
            if key in self.head or (key == self._key and self.found):
                self._fail(f"key {key!r} stands twice in one object")
            if key == self._key and self._next() == "[":
                yield from self._list()
            else:
                element = self._value()
                self.head[key] = element.value
                if element.faults:
                    self._fail(element.faults[0])
            if self._more("}"):
                return None

    def _list(self) -> Iterator[Element]:
        self.found = True
        self._expect("[")
        if self._next() == "]":
            return self._advance(1)
        while True:
            yield self._value()
            if self._more("]"):
                return None

    def _more(self, closing: str) -> bool:
        """Take the comma or the closing bracket; whether it was the latter."""
        char = self._next()
        if char not in (",", closing):
            self._fail(f"expected a comma or {closing!r}")
        self._advance(1)
        return char == closing

    def _expect(self, char: str) -> None:
        if self._next() != char:
            self._fail(f"expected {char!r}")
        self._advance(1)

    def _value(self) -> Element:
        self._next()
        while True:
            try:
                value, end = self._json.decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos >= len(self._text) - _NEAR_END
                if cut and self._read():
                    continue
                self._fail(error.msg, error.pos)
            except ValueError as error:
                self._fail(str(error))
            if end > len(self._text) - len("e+1") and self._read():
                continue  # a number may go on
            text = self._text[self._at : end]
            begin = self._byte
            self._advance(len(text))
            halves = "\\u" in text and _LONE.search(text) is not None
            return Element(
                value, begin, self._byte - begin, (*self._json.faults, *_too_deep(value, text)), halves
            )

    def _next(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._advance(match.end() - self._at if match else 0)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def _advance(self, count: int) -> None:
        self._byte += len(self._text[self._at : self._at + count].encode())
        self._at += count

    def _read(self) -> bool:
        """Read on, at least as much as is waiting: what is parsed again stays in proportion."""
        if self._ended:
            return False
        self._lines += self._text.count("\n", 0, self._at)
        newline = self._text.rfind("\n", 0, self._at)
        self._column = self._at - newline - 1 if newline >= 0 else self._column + self._at
        self._text, self._at = self._text[self._at :], 0
        data = self._bytes(max(_CHUNK, len(self._text)))
        self._ended = not data
        try:
            self._text += self._utf8.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            text = f"byte {error.object[error.start]:#04x} is not UTF-8"
            raise DataError(f"{self._path}: not JSON: {text}; save the file as UTF-8") from error
        return True

    def _bytes(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except OSError as error:
            text = f"can't be read ({error.strerror}); mend its permissions or the path"
            raise DataError(f"{self._path}: {text}") from error

    def _mark(self) -> None:
        start = self._bytes(4)
        self._file.seek(0)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
            raise DataError(f"{self._path}: not JSON: it is UTF-16 or UTF-32; save the file as UTF-8")
        if start.startswith(codecs.BOM_UTF8):
            text = "it begins with a byte order mark; save the file as UTF-8 without one"
            raise DataError(f"{self._path}: not JSON: {text}")

    def _fail(self, text: str, position: int | None = None) -> NoReturn:
        at = self._at if position is None else position
        before = self._text[:at]
        line = self._lines + before.count("\n") + 1
        newline = before.rfind("\n")
        column = at - newline if newline >= 0 else self._column + at + 1
        what = "the file ends too early: " if at >= len(self._text) and self._ended else ""
        place = f"line {line} column {column}"
        raise DataError(f"{self._path}: not JSON: {what}{text}, {place}; mend the file or make it anew")

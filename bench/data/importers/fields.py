"""Typed reading of native records: every fault names the JSON pointer of its field.

`Node` is a value with its place; asking it for a field of the wrong type raises `Misfit`. Numbers that stand
in texts are taken as numbers; what else is odd becomes an issue, not a fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from bench.data.importers.base import Misfit, escape

__all__ = ["MAX_S", "Node", "kind_of"]

MAX_S = 1e7
"""Seconds, about 115 days: a greater time in an annotation is a mistake."""
_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "a number")


class Node:
    """A JSON value and its pointer."""

    def __init__(self, value: Any, pointer: str) -> None:
        self.value, self.pointer = value, pointer

    def fail(self, text: str) -> Misfit:
        """The fault to raise: `text` about this value."""
        return Misfit(self.pointer, text)

    def wrong(self, wanted: str) -> Misfit:
        """The fault to raise: it is of another kind than wanted."""
        shown = "" if self.value is None or isinstance(self.value, dict | list) else f" {self.value!r:.60}"
        return self.fail(f"expected {wanted}, found {kind_of(self.value)}{shown}")

    def has(self, key: str) -> bool:
        """Whether there is such a field, and it is not null."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def get(self, key: str) -> Node:
        """A field; raises `Misfit` when it is missing."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        if key not in self.value:
            raise Misfit(f"{self.pointer}/{escape(key)}", "is missing")
        return Node(self.value[key], f"{self.pointer}/{escape(key)}")

    def items(self, *, least: int = 0) -> list[Node]:
        """The items of a list, at least so many."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        if len(self.value) < least:
            raise self.fail(f"holds {len(self.value)} items, needs {least} or more")
        return [Node(item, f"{self.pointer}/{number}") for number, item in enumerate(self.value)]

    def fields(self) -> Iterator[tuple[str, Node]]:
        """The fields of an object, in their order."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        for key in self.value:
            yield key, self.get(key)

    def text(self, *, empty: bool = False) -> str:
        """Text; a number counts as its digits."""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            raise self.wrong("text")
        text = str(self.value)
        if not text.strip() and not empty:
            raise self.fail("is empty")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise self.fail("holds half of a surrogate pair, which is no text") from None
        return text

    def integer(self) -> int:
        """A whole number."""
        number = self.number()
        if not number.is_integer():
            raise self.wrong("a whole number")
        return int(number)

    def number(self) -> float:
        """A finite number, also one that stands in a text."""
        value = self.value
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise self.wrong("a number") from None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong("a number")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.fail(f"{value} is no time and no count")
        if abs(value) > MAX_S:
            raise self.fail(f"{str(value)[:20]} is beyond {MAX_S:.0f}")
        return float(value)

    def seconds(self) -> float:
        """A time in seconds, not negative."""
        number = self.number()
        if number < 0:
            raise self.fail(f"{number} is before the start of the video")
        return number

"""Time stamps as the public files write them.

`00:03:10` and `0:04:28` are plain. `00:24` (minutes and seconds) and `00:00:8` are read and noted; in
`00:12450` something is missing: it is read as the official parser does, and noted as a guess for the errata.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bench.data.importers.fields import MAX_S, Node
from bench.data.schema import Issue

__all__ = ["Stamp", "read_interval", "read_stamp"]

_PLAIN = re.compile(r"\d{1,2}:[0-5]\d:[0-5]\d(\.\d+)?")
_PART = re.compile(r"\d{1,9}(\.\d{1,9})?")
_INTERVAL = re.compile(r"\[?\s*([\d:.]+)\s*(?:[-–—~]+|to)\s*([\d:.]+)\s*\]?")


class Stamp(NamedTuple):
    """A time, and what is odd about how it was written."""

    s: float
    issues: tuple[Issue, ...] = ()


def read_stamp(node: Node) -> Stamp:
    """Read `H:MM:SS`, `MM:SS` or plain seconds; raises `Misfit` when no number can be made of it."""
    if not isinstance(node.value, str):
        return Stamp(node.seconds())
    text = node.value.strip()
    parts = text.split(":")
    if len(parts) > 3 or not all(_PART.fullmatch(part.strip()) for part in parts):
        raise node.fail(f"expected a time such as 00:03:10, found {node.value!r:.60}")
    s = 0.0
    for part in parts:
        s = s * 60 + float(part)
    if s > MAX_S:
        raise node.fail(f"{node.value!r:.60} is beyond {MAX_S:.0f} seconds")
    return Stamp(s, _odd(text, parts, s, node.pointer))


def read_interval(text: str) -> tuple[float, float] | None:
    """Both ends of `[0:00:00 - 0:00:10]` or `9.0 -- 13.0`, in seconds; null when it is no interval."""
    match = _INTERVAL.fullmatch(text.strip())
    if match is None:
        return None
    ends = [end.split(":") for end in match.groups()]
    if not all(_PART.fullmatch(part) for end in ends for part in end) or max(map(len, ends)) > 3:
        return None
    start, stop = (sum(float(part) * 60**n for n, part in enumerate(reversed(end))) for end in ends)
    return (start, stop) if max(start, stop) <= MAX_S else None


def _odd(text: str, parts: list[str], s: float, pointer: str) -> tuple[Issue, ...]:
    if _PLAIN.fullmatch(text):
        return ()
    if any(float(part) >= 60 for part in parts[1:]):
        said = f"{text!r} is no clock time; read as {s:g} s"
        return (Issue(code="ts_unparseable", pointer=pointer, text=said),)
    return (Issue(code="ts_odd_form", pointer=pointer, text=f"{text!r} read as {s:g} s"),)

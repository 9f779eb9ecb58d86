"""Frames that wait for a slow consumer: a short line, and what gives way when it is full (`Slow`).

Which one gives way is a function of the order of puts and takes alone. Not thread-safe.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from shared.messages import Slow

__all__ = ["Waiting"]

T = TypeVar("T")

_CALM = 8
"""So often in a row must a put find nobody waiting before a thinned stream is thinned by half as much."""


class Waiting(Generic[T]):
    """A line of at most `size` frames; with `block` it grows, and the caller is to heed `full`."""

    stride: int
    """One of so many frames is taken (`downsample`); 1: each."""

    def __init__(self, size: int, slow: Slow) -> None:
        self._size, self._slow = size, slow
        self._line: deque[tuple[T, bool]] = deque()
        self.stride, self._arrived, self._calm = 1, 0, 0

    def __len__(self) -> int:
        return len(self._line)

    @property
    def full(self) -> bool:
        """Whether who must not drop had better wait."""
        return len(self._line) >= self._size

    def put(self, item: T, *, solid: bool = False) -> list[T]:
        """Add to the line; gives what gave way, in order. What is `solid` never gives way."""
        if solid:
            self._line.append((item, True))
            return []
        if self._slow is Slow.DOWNSAMPLE and not self._due():
            return [item]
        self._line.append((item, False))
        if len(self._line) <= self._size or self._slow is Slow.BLOCK:
            return []
        return self._thin() if self._slow is Slow.DOWNSAMPLE else self._drop_one()

    def take(self) -> T:
        """The first in the line."""
        return self._line.popleft()[0]

    def _due(self) -> bool:
        """Whether the frame that has just arrived is one of those that are taken."""
        self._arrived += 1
        self._calm = 0 if self._line else self._calm + 1
        if self._calm >= _CALM and self.stride > 1:
            self.stride, self._calm = self.stride // 2, 0
        return self._arrived % self.stride == 0

    def _drop_one(self) -> list[T]:
        oldest = self._slow is Slow.DROP_OLDEST
        places = range(len(self._line)) if oldest else range(len(self._line) - 1, -1, -1)
        for place in places:
            item, solid = self._line[place]
            if not solid:
                del self._line[place]
                return [item]
        return []

    def _thin(self) -> list[T]:
        """Take every second frame out of the line, and from now on half as many into it."""
        self.stride *= 2
        gone: list[T] = []
        kept: deque[tuple[T, bool]] = deque()
        goes = False
        for item, solid in self._line:
            if not solid and goes:
                gone.append(item)
            else:
                kept.append((item, solid))
            goes = not goes if not solid else goes
        self._line = kept
        return gone

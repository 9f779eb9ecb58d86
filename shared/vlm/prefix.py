"""Reuse of what the language model has computed for a stream's answerable prefix: system prompt and frames.

A prefix grows in chunks whose ends are functions of frame indices alone (every `stride` units), whoever builds
it and whenever: a worker that prefills while frames arrive, a successor that builds it anew, and the offline
reference compute the same numbers. What is held is never cut back and never written by a question: a question
works on a fork. Streams share a budget of bytes; the least recently used one goes first.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from shared.vlm.base import Reuse, Unit
from shared.vlm.growing import GrowingLayer

__all__ = ["Held", "PrefixStats", "PrefixStore", "cuts", "fork", "identity", "nbytes"]

_ROWS_PER_UNIT = 1 << 16


@dataclass(frozen=True)
class Held:
    """A prefix of `n` tokens, computed."""

    key: Tensor
    """`[n]`: token ids, with each visual row named by its frame: placeholders alone are all alike."""
    positions: Tensor
    """`[1, n]` or `[3, 1, n]`."""
    units: int
    """Whole units within it."""
    newest: int
    """Index of the last of them."""
    cache: Any
    """Never written again."""
    size: int
    """Bytes."""
    took_s: float = 0.0
    """Wall-clock seconds that computing all of it took."""


class PrefixStats(NamedTuple):
    """What the store did so far."""

    streams: int
    size: int
    """Bytes held."""
    evicted: int
    """Prefixes that went for want of room."""


class PrefixStore:
    """The prefixes of many streams within one budget; thread-safe."""

    def __init__(self, budget: int) -> None:
        self._budget, self._size, self._evicted = budget, 0, 0
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, stream: str, key: Tensor, positions: Tensor) -> Held | None:
        """The stream's prefix, if the prompt of that key and those positions begins with all of it."""
        with self._lock:
            held = self._held.get(stream)
            if held is None or not _begins(held, key, positions):
                return None
            self._held.move_to_end(stream)
            return held

    def keep(self, stream: str, held: Held) -> None:
        """Hold it in place of the stream's older one; others go if there is no room, itself if it is too large alone.

        A question about the past does not take the place of what was prefilled ahead of it.
        """
        with self._lock:
            before = self._held.get(stream)
            if before is not None and before.newest > held.newest:
                return
            self._drop(stream)
            if held.size > self._budget:
                self._evicted += 1
                return
            self._held[stream] = held
            self._size += held.size
            while self._size > self._budget:
                self._drop(next(iter(self._held)))
                self._evicted += 1

    def forget(self, stream: str) -> None:
        """Let go of a stream's prefix."""
        with self._lock:
            self._drop(stream)

    def clear(self) -> None:
        """Let go of all: memory has run out."""
        with self._lock:
            self._held.clear()
            self._size = 0

    def size_of(self, stream: str) -> int:
        """Bytes held for a stream."""
        with self._lock:
            return held.size if (held := self._held.get(stream)) else 0

    def stats(self) -> PrefixStats:
        """What is held now."""
        with self._lock:
            return PrefixStats(len(self._held), self._size, self._evicted)

    def _drop(self, stream: str) -> None:
        if (held := self._held.pop(stream, None)) is not None:
            self._size -= held.size


def _begins(held: Held, key: Tensor, positions: Tensor) -> bool:
    n = held.key.shape[0]
    # One token at least must be left to run: its logits are what is asked for.
    return (
        n < key.shape[0]
        and torch.equal(held.key, key[:n])
        and torch.equal(held.positions, positions[..., :n])
    )


def identity(ids: Tensor, placeholder: int, units: Sequence[Unit]) -> Tensor:
    """`[s]`: the token ids `[1, s]` with each visual row replaced by a number of its own frame."""
    key = ids[0].clone()
    rows = [-2 - (unit.index + 1) * _ROWS_PER_UNIT - torch.arange(len(unit.feats)) for unit in units]
    if rows:
        key[key == placeholder] = torch.cat(rows).to(key.device)
    return key


def cuts(ids: Tensor, placeholder: int, units: Sequence[Unit], reuse: Reuse) -> list[tuple[int, int]]:
    """Where chunks end: (units, tokens) behind each unit that closes a stride, in order.

    A window that has slid begins with one chunk of what is always in it. So where a chunk ends depends on the first
    unit's index and the chunk's own last one, never on how far the window has grown since.
    """
    places = (ids[0] == placeholder).nonzero()[:, 0].tolist()
    lowest = _first_end(units, reuse)
    found, row = [], 0
    for number, unit in enumerate(units, start=1):
        row += len(unit.feats)
        taken, between = divmod(unit.index, reuse.every)
        if not between and taken >= lowest and (taken + 1) % reuse.stride == 0:
            found.append((number, places[row - 1] + 1))
    return found


def _first_end(units: Sequence[Unit], reuse: Reuse) -> int:
    """The earliest place, in taken frames, at which a chunk may end."""
    first = units[0].index // reuse.every if units else 0
    return first + max(0, reuse.at_least - reuse.stride) if first else 0


def fork(cache: Any) -> Any:
    """A cache of the same rows that may be extended; the given one may not be any more. Recurrent states are copied."""
    copied = copy.copy(cache)
    copied.layers = [_forked(layer) for layer in cache.layers]
    return copied


def _forked(layer: Any) -> Any:
    if isinstance(layer, GrowingLayer):
        return layer.fork()
    # Other attention layers only concatenate.
    return copy.deepcopy(layer) if hasattr(layer, "recurrent_states") else copy.copy(layer)


def nbytes(cache: Any) -> int:
    """Bytes of all tensors that a cache holds, room to grow included."""
    return sum(
        layer.nbytes if isinstance(layer, GrowingLayer) else _bytes(vars(layer)) for layer in cache.layers
    )


def _bytes(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, list | tuple):
        return sum(_bytes(one) for one in value)
    if isinstance(value, dict):
        return sum(_bytes(one) for one in value.values())
    return 0

"""A layer of keys and values with room behind its rows, so that a question is written there instead of copying them.

Forks of one layer share its rows. One fork at a time may write behind them, in place; a second one, or one that
wants more room than there is, first copies them to a place of its own. Rows that somebody may still read are
never written: a layer that was forked is not written again, and a writer that is gone gives its room back.
"""

from __future__ import annotations

import copy
import threading
import weakref
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

__all__ = ["GrowingLayer", "growing"]

_SPARE_ROWS = 512
"""Room for a question and its answer."""
_SPARE_SHARE = 8
"""Room for the frames to come: one row more for so many."""


@dataclass
class _Place:
    """Where rows lie: `[batch, heads, capacity, size of a head]` for keys and for values."""

    keys: Tensor
    values: Tensor
    writer: weakref.ref[GrowingLayer]
    """Who may write."""
    shared: int = 0
    """So many rows belong to layers that were forked: no other than the writer may begin before them."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claimed(self, layer: GrowingLayer, rows: int) -> bool:
        """May the layer write behind its `rows` rows? If so, it is the writer from now on."""
        with self.lock:
            writer = self.writer()
            if writer is None and rows >= self.shared:
                self.writer = weakref.ref(layer)
                return True
            return writer is layer

    def leave(self, layer: GrowingLayer, rows: int) -> None:
        """The layer's rows are read by a fork as well: it writes no more."""
        with self.lock:
            self.shared = max(self.shared, rows)
            if self.writer() is layer:
                self.writer = _NOBODY


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers is only partly typed
    """Rows of one attention layer; the views `keys` and `values` show those that are its own."""

    _place: _Place | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append rows `[batch, heads, new, size of a head]`; returns all keys and all values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        rows = self.get_seq_length()
        end = rows + key_states.shape[-2]
        place = self._place
        if place is None or end > place.keys.shape[-2] or not place.claimed(self, rows):
            place = self._moved(key_states, value_states, rows, end)
        place.keys[..., rows:end, :] = key_states
        place.values[..., rows:end, :] = value_states
        self.keys, self.values = place.keys[..., :end, :], place.values[..., :end, :]
        return self.keys, self.values

    def fork(self) -> Self:
        """A layer of the same rows that may be extended; this one may not be any more."""
        if self._place is not None:
            self._place.leave(self, self.get_seq_length())
        return copy.copy(self)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows and the room behind them."""
        return 0 if self._place is None else self._place.keys.nbytes + self._place.values.nbytes

    def _moved(self, keys: Tensor, values: Tensor, rows: int, end: int) -> _Place:
        capacity = end + end // _SPARE_SHARE + _SPARE_ROWS

        def room(like: Tensor) -> Tensor:
            return like.new_empty((*like.shape[:-2], capacity, like.shape[-1]))

        # Tensors made in inference mode could be written nowhere else.
        with torch.inference_mode(False):
            place = _Place(room(keys), room(values), weakref.ref(self))
        if rows and self.keys is not None and self.values is not None:
            place.keys[..., :rows, :].copy_(self.keys)
            place.values[..., :rows, :].copy_(self.values)
        self._place = place
        return place


_NOBODY: weakref.ref[GrowingLayer] = weakref.ref(GrowingLayer())  # type: ignore[no-untyped-call]


def growing(config: Any) -> DynamicCache:
    """An empty cache for a text model of that configuration, its plain attention layers with room to grow."""
    cache = DynamicCache(config=config)
    cache.layers = [_with_room(layer) for layer in cache.layers]
    return cache


def _with_room(layer: Any) -> Any:
    return GrowingLayer() if type(layer) is DynamicLayer else layer  # type: ignore[no-untyped-call]

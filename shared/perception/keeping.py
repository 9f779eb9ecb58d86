"""What is kept of streams between questions: encoded frames here, computed prefixes in the model.

It never changes an answer: a frame is always encoded alone, and a prefix grows by the same chunks whoever runs
them and when. With `enabled: false` nothing is kept, and the same numbers are computed anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from shared.errors import ModelError
from shared.logs import get_logger
from shared.messages import CacheSpec, Draft, WindowSpec
from shared.perception.answering import encode_frames
from shared.video import Frame
from shared.vlm import Prefills, PromptParts, Reuse, Unit, Vlm
from shared.vlm.prompt import DESCRIBE

__all__ = ["Seen", "UnitStore", "forget", "prefill", "reuse_of", "stamped"]

_REMEMBERED = 256
"""Streams whose encoded frames are remembered by number, so that encoding one again can be told."""


class Seen(NamedTuple):
    """Frames as a model takes them, and what it took to have them."""

    units: tuple[Unit, ...]
    fresh: frozenset[int] = frozenset()
    """Indices of those that were encoded just now, for this question."""
    reencoded: int = 0
    """How many of them had been encoded before."""

    @property
    def saved_s(self) -> float:
        """Wall-clock seconds that encoding the others had taken."""
        return sum(unit.took_s for unit in self.units if unit.index not in self.fresh)

    def after(self, ahead: Seen) -> Seen:
        """The same frames, where some were encoded for the same question a little earlier."""
        return self._replace(fresh=self.fresh | ahead.fresh, reencoded=self.reencoded + ahead.reencoded)


class UnitStore:
    """The encoded frames of many streams; those used last stay. Thread-safe.

    Of one stream `CacheSpec.max_frames` are kept, of all together `limit`.
    """

    encoded: int
    """Frames that went through the vision tower."""

    def __init__(self, vlm: Vlm, *, limit: int | None = None) -> None:
        self._vlm, self._limit = vlm, limit
        self._held: OrderedDict[str, OrderedDict[int, Unit]] = OrderedDict()
        self._known: OrderedDict[str, set[int]] = OrderedDict()
        self._lock = threading.Lock()
        self.encoded = 0

    def see(self, stream: str, frames: Sequence[Frame], cache: CacheSpec) -> Seen:
        """The units of these frames; blocks, raises `VideoError` or `ModelError`."""
        units, fresh, again = list[Unit](), set[int](), 0
        for frame in frames:
            unit = self._find(stream, frame.index)
            if unit is None:
                [unit] = encode_frames(self._vlm, [frame])
                fresh.add(frame.index)
                again += self._count(stream, frame.index)
            if cache.enabled:
                self._keep(stream, unit, cache.max_frames)
            units.append(unit)
        return Seen(tuple(units), frozenset(fresh), again)

    def drop_before(self, stream: str, index: int) -> None:
        """Let go of a stream's frames before this one, and of their numbers: a stream may go on for ever."""
        with self._lock:
            known = self._known.get(stream, set[int]())
            known.difference_update([number for number in known if number < index])
            held = self._held.get(stream, OrderedDict[int, Unit]())
            for old in [number for number in held if number < index]:
                del held[old]
            if not held:
                self._held.pop(stream, None)

    def nbytes(self, stream: str) -> int:
        """Bytes held of a stream."""
        with self._lock:
            return sum(map(_size, self._held.get(stream, OrderedDict[int, Unit]()).values()))

    def _find(self, stream: str, index: int) -> Unit | None:
        with self._lock:
            return self._held.get(stream, OrderedDict[int, Unit]()).get(index)

    def _count(self, stream: str, index: int) -> bool:
        """Note that a frame was encoded; whether it had been before."""
        with self._lock:
            self.encoded += 1
            known = self._known.setdefault(stream, set())
            self._known.move_to_end(stream)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            again = index in known
            known.add(index)
            return again

    def _keep(self, stream: str, unit: Unit, most: int) -> None:
        with self._lock:
            held = self._held.setdefault(stream, OrderedDict())
            held[unit.index] = unit
            held.move_to_end(unit.index)
            self._held.move_to_end(stream)
            while len(held) > most:
                held.popitem(last=False)
            while self._limit is not None and sum(map(len, self._held.values())) > self._limit:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        stream, held = next(iter(self._held.items()))
        held.popitem(last=False)
        if not held:
            del self._held[stream]


def _size(unit: Unit) -> int:
    return unit.feats.nbytes + sum(rows.nbytes for rows in unit.deep) + len(unit.jpeg)


def reuse_of(cache: CacheSpec, stream: str, spec: WindowSpec) -> Reuse | None:
    """How the prefix of a stream's window is reused: a function of the settings alone; null when it is not."""
    return Reuse(stream, cache.prefill_stride, spec.stride, spec.at_least) if cache.kv_reuse else None


def prefill(vlm: Vlm, units: Sequence[Unit], reuse: Reuse | None) -> bool:
    """Compute the prefix before a question needs it; blocks. False: this model does not, or can't.

    That is no failure: what is too much for the model is told to who asks, as the question's own error.
    """
    if reuse is None or not isinstance(vlm, Prefills):
        return False
    try:
        vlm.prefill(PromptParts(units, question=DESCRIBE, reuse=reuse))
    except ModelError as error:
        get_logger().warning("prefill_failed", stream=reuse.stream, error=str(error))
        return False
    return True


def forget(vlm: Vlm, stream: str) -> None:
    """Let go of a stream's prefix."""
    if isinstance(vlm, Prefills):
        vlm.forget(stream)


def stamped(draft: Draft, seen: Seen, vlm: Vlm, store: UnitStore, stream: str) -> Draft:
    """The draft with what was saved for it, and what is kept of its stream."""
    usage = draft.usage
    encoded = sum(unit.index in seen.fresh for unit in seen.units)
    kept = store.nbytes(stream) + (vlm.kept_bytes(stream) if isinstance(vlm, Prefills) else 0)
    told = {
        "frames_encoded": encoded,
        "frames_reused": len(seen.units) - encoded,
        "frames_reencoded": seen.reencoded,
        "saved_s": round(usage.saved_s + seen.saved_s, 6),
        "cache_bytes": kept,
    }
    return draft.model_copy(update={"usage": usage.model_copy(update=told)})

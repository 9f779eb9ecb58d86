"""How much is asked of a provider at once and a minute, by all threads of one process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Limiter", "Slot"]

_MINUTE_S = 60.0


class Slot:
    """One request that was let through."""

    def __init__(self, t: float, tokens: int) -> None:
        self.t, self.tokens = t, tokens

    def used(self, tokens: int) -> None:
        """What it really took, once that is known."""
        self.tokens = tokens


class Limiter:
    """At most `concurrency` requests under way, and `rpm` requests and `tpm` tokens in any 60 seconds. Thread-safe.

    A failed try counts, too: providers count it. A request larger than `tpm` goes alone.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        rpm: int | None = None,
        tpm: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._under_way = threading.BoundedSemaphore(concurrency)
        self._rpm, self._tpm, self._clock, self._sleep = rpm, tpm, clock, sleep
        self._lock = threading.Lock()
        self._passed = deque[Slot]()

    @contextmanager
    def slot(self, tokens: int) -> Iterator[Slot]:
        """Wait for room for a request of about so many tokens, and hold it; blocks."""
        with self._under_way:
            while not isinstance(found := self._try(tokens), Slot):
                self._sleep(found)
            yield found

    def _try(self, tokens: int) -> Slot | float:
        """A slot, or seconds after which there may be one."""
        with self._lock:
            now = self._clock()
            while self._passed and self._passed[0].t <= now - _MINUTE_S:
                self._passed.popleft()
            if self._full(tokens):
                return max(self._passed[0].t + _MINUTE_S - now, 0.001)
            slot = Slot(now, tokens)
            self._passed.append(slot)
            return slot

    def _full(self, tokens: int) -> bool:
        if not self._passed:
            return False
        if self._rpm is not None and len(self._passed) >= self._rpm:
            return True
        return self._tpm is not None and sum(slot.tokens for slot in self._passed) + tokens > self._tpm

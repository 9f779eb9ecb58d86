"""Free text is graded in batches: a judge answers many at once, and little is held meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.scoring.text import TextAsk, TextMatcher

__all__ = ["Batch"]

_MOST = 256
Then = Callable[[Sequence[int]], None]


class Batch:
    """Asks that wait for their grades, and what is done with them."""

    def __init__(self, text: TextMatcher) -> None:
        self._text = text
        self._asks: list[TextAsk] = []
        self._waiting: list[tuple[int, Then]] = []

    def put(self, asks: Sequence[TextAsk], then: Then) -> None:
        """Grade `asks` some time, at the latest with `flush`, and give the grades to `then`."""
        self._asks += asks
        self._waiting.append((len(asks), then))
        if len(self._asks) >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Grade what waits, in the order in which it came; raises `ModelError`."""
        asks, waiting = self._asks, self._waiting
        self._asks, self._waiting = [], []
        grades = self._text.grades(asks) if asks else []
        start = 0
        for count, then in waiting:
            then(grades[start : start + count])
            start += count

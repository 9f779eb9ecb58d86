"""The questions of a play, looked at offline one after the other: the plain counterpart of capacity mode.

Nothing is shared with it but what a tick or a poll is, and how answers are recorded.
"""

from __future__ import annotations

import time
from functools import lru_cache

from bench.data import AskedQuestion
from bench.data.ask import steps
from bench.run.book import Book
from bench.run.offline import Offline
from bench.run.plan import Step
from bench.run.polling import as_tick, poll, reply, said_yes
from shared.messages import Path, Status
from shared.perception import at_tick
from shared.perception import said_yes as goes_on
from shared.routing import Guard, state_of

__all__ = ["Looks", "answer_all"]


class Looks:
    """Looks at the questions of one play, each at its times; a later turn of a chain comes behind the earlier ones."""

    def __init__(self, offline: Offline, book: Book, route: str) -> None:
        self._offline, self._book, self._guard = offline, book, _guard(route)
        self._items: dict[str, AskedQuestion] = {}
        self._spoke: dict[tuple[str, Path], bool] = {}

    def look(self, step: Step) -> None:
        """Take one look on every path that still owes a final."""
        item, key = step.item, step.item.key
        self._items[key] = item
        state = state_of(self._offline.profile, item.ask_s, **self._book.earlier(key)._asdict())
        if not self._book.routed(key):
            self._book.settle(key, self._guard.decide(item.question, state))
        for path in self._book.open_paths(key):
            self._take(step, path)
        if (first := self._book.first(key)) is not None:
            self._book.resolve(key, self._guard.after(item.question, state, first))
            for path in self._book.open_paths(key):
                self._take(step, path)
        if step.number == len(steps(item)) - 1:
            self._close(item)

    def close(self) -> None:
        """Nothing comes any more: write the finals of what stood to the end of the source."""
        for item in self._items.values():
            self._close(item)

    def _close(self, item: AskedQuestion) -> None:
        if not self._book.done(item.key):
            self._book.close(item.key, end_t=self._offline.end_t)

    def _take(self, step: Step, path: Path) -> None:
        item, book = step.item, self._book
        if item.question.standing is not None:
            if self._within(step, path):
                self._tick(step, path)
        elif item.polls:
            if not book.follow(item.key, path).stopped and self._within(step, path):
                self._poll(step, path)
        else:
            started = time.monotonic()
            answer = self._offline.answer(book.told(item.key, path).question, path, book.route(item.key))
            book.heard(answer, wait_s=0.0, latency_s=time.monotonic() - started)

    def _within(self, step: Step, path: Path) -> bool:
        """Whether this step lies within the source; where the source is broken, the question fails."""
        t = steps(step.item)[step.number]
        if why := self._offline.breaks(t):
            self._book.fail(step.item.key, Status.ERROR, why, only=[path])
            return False
        end = self._offline.end_t
        return not step.number or end is None or t <= end + 1e-6

    def _tick(self, step: Step, path: Path) -> None:
        key, started = step.item.key, time.monotonic()
        spoke = self._spoke.get((key, path), False)
        question = at_tick(step.item.question, step.number)
        stamp, n = self._book.route(key), str(step.number)
        answer = self._offline.answer(question, path, stamp, n=n, spoke=spoke)
        self._book.heard(answer, wait_s=0.0, latency_s=time.monotonic() - started)
        if answer.status is Status.OK:
            self._spoke[key, path] = goes_on(answer.draft)

    def _poll(self, step: Step, path: Path) -> None:
        item, number, started = step.item, step.number, time.monotonic()
        stamp = self._book.route(item.key)
        asked = self._offline.answer(poll(item, number), path, stamp)
        said = self._offline.answer(reply(item, number), path, stamp) if said_yes(asked) else None
        latency_s = time.monotonic() - started
        self._book.heard(as_tick(item, number, asked, said), wait_s=0.0, latency_s=latency_s)
        self._book.follow(item.key, path).stopped = said is not None and not item.keeps_on


def answer_all(offline: Offline, book: Book, item: AskedQuestion, route: str) -> None:
    """Answer one question on every path that owes a final; the earlier turns of its chain are done."""
    looks = Looks(offline, book, route)
    for number in range(len(steps(item))):
        looks.look(Step(item, number))


_guard = lru_cache(maxsize=8)(Guard)

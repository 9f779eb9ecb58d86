"""The questions of a play, asked offline one after the other: the plain counterpart of capacity mode.

Nothing is shared with it but what a tick or a poll is, and how answers are recorded.
"""

from __future__ import annotations

import time
from functools import lru_cache

from bench.data import AskedQuestion
from bench.data.ask import steps
from bench.run.book import Book
from bench.run.offline import Offline
from bench.run.polling import as_tick, poll, reply, said_yes
from shared.messages import Path, RouteStamp, Status
from shared.perception import at_tick
from shared.perception import said_yes as goes_on
from shared.routing import Guard, state_of

__all__ = ["answer_all"]


def answer_all(offline: Offline, book: Book, item: AskedQuestion, route: str) -> None:
    """Answer one question on every path that owes a final; the earlier turns of its chain are done."""
    state = state_of(offline.profile, item.ask_s, **book.earlier(item.key)._asdict())
    if not book.routed(item.key):
        book.settle(item.key, _guard(route).decide(item.question, state))
    for path in book.paths(item.key):
        _answer(offline, book, item, path)
    if (first := book.first(item.key)) is not None:
        book.resolve(item.key, _guard(route).after(item.question, state, first))
        for path in book.open_paths(item.key):
            _answer(offline, book, item, path)
    if not book.done(item.key):
        book.close(item.key, end_t=offline.end_t)


def _answer(offline: Offline, book: Book, item: AskedQuestion, path: Path) -> None:
    stamp = book.route(item.key)
    if item.question.standing is not None:
        _ticks(offline, book, item, path, stamp)
    elif item.polls:
        _polls(offline, book, item, path, stamp)
    else:
        started = time.monotonic()
        answer = offline.answer(book.told(item.key, path).question, path, stamp)
        book.heard(answer, wait_s=0.0, latency_s=time.monotonic() - started)


_guard = lru_cache(maxsize=8)(Guard)


def _within(offline: Offline, book: Book, item: AskedQuestion, path: Path, number: int) -> bool:
    """Whether this step lies within the source; where the source is broken, the question fails."""
    t = steps(item)[number]
    if why := offline.breaks(t):
        book.fail(item.key, Status.ERROR, why, only=[path])
        return False
    end = offline.end_t
    return not number or end is None or t <= end + 1e-6


def _ticks(offline: Offline, book: Book, item: AskedQuestion, path: Path, stamp: RouteStamp) -> None:
    spoke = False
    for number in range(len(steps(item))):
        if not _within(offline, book, item, path, number):
            return
        started = time.monotonic()
        question = at_tick(item.question, number)
        answer = offline.answer(question, path, stamp, n=str(number), spoke=spoke)
        book.heard(answer, wait_s=0.0, latency_s=time.monotonic() - started)
        if answer.status is Status.OK:
            spoke = goes_on(answer.draft)


def _polls(offline: Offline, book: Book, item: AskedQuestion, path: Path, stamp: RouteStamp) -> None:
    for number in range(len(steps(item))):
        if not _within(offline, book, item, path, number):
            return
        started = time.monotonic()
        asked = offline.answer(poll(item, number), path, stamp)
        said = offline.answer(reply(item, number), path, stamp) if said_yes(asked) else None
        book.heard(as_tick(item, number, asked, said), wait_s=0.0, latency_s=time.monotonic() - started)
        if said is not None and not item.keeps_on:
            return

"""The questions of one opening: each is asked until its finals are here, and recorded once.

The bench alone owns a question. It sends the same ask again, with growing pauses, until every final is here;
every hop behind it is idempotent by key. Only the bench writes `timeout`, and only when nothing moves any
more.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.data import AskedQuestion
from bench.run.plan import decided
from bench.run.records import Play as PlayStamp
from bench.run.records import Record, failure_record, record_of
from bench.run.session import Final, Session
from shared import subjects
from shared.errors import NoResponders, TransportError
from shared.logs import get_logger
from shared.messages import Ask, AskReply, Path, RouteStamp, Status

__all__ = ["Asking", "Emitted", "Write"]

Write = Callable[[Record], None]
"""Makes a record durable before it returns."""
Emitted = Callable[[Final], float | None]
"""The stream time of an answer (live mode), else None."""

_UNHEARD_S = 0.3
_GROWTH = 1.6
_LONGEST = 5.0
"""The longest pause between two sendings of an ask, as a multiple of the first."""


@dataclass
class _Asked:
    item: AskedQuestion
    paths: tuple[Path, ...]
    route: RouteStamp
    """As decided here; the router's own decision stands in the answers that it led to."""
    trace: str
    """W3C `traceparent`: one a question, in every message about it."""
    first: float = 0.0
    """When it was first sent, on this process's monotonic clock."""
    sent: float = 0.0
    """When the sending that was accepted went out."""
    accepted: bool = False
    recorded: set[Path] = field(default_factory=set)


class Asking:
    """Asks and records; `session` must call `on_final` for each final that comes."""

    def __init__(
        self,
        items: Iterable[AskedQuestion],
        *,
        stamp: PlayStamp,
        route: str,
        retry_s: float,
        write: Write,
        emitted: Emitted = lambda final: None,
    ) -> None:
        self._asked = {item.key: _asked(item, route) for item in items}
        self._stamp, self._route, self._retry_s = stamp, route, retry_s
        self._write, self._emitted = write, emitted
        self._log = get_logger(stream=stamp.opening)

    def on_final(self, final: Final) -> None:
        """Record a final, unless one of this question and path is recorded already."""
        asked = self._asked.get(final.answer.key)
        if asked is None or final.answer.path in asked.recorded:
            return
        record = record_of(
            final.answer,
            asked.item,
            play=self._stamp,
            wait_s=asked.sent - asked.first,
            latency_s=final.at.here - asked.sent,
            t_emit=self._emitted(final),
        )
        self._write(record)
        asked.recorded.add(final.answer.path)

    def fail(self, key: str, status: Status, error: str, only: Iterable[Path] | None = None) -> None:
        """Record what the bench itself has to say of every path that has no final yet."""
        asked = self._asked[key]
        for path in asked.paths if only is None else only:
            if path in asked.recorded:
                continue
            took = time.monotonic() - asked.sent if asked.sent else None
            record = failure_record(
                asked.item,
                play=self._stamp,
                path=path,
                status=status,
                error=error,
                route=asked.route,
                latency_s=took,
            )
            self._write(record)
            asked.recorded.add(path)

    def done(self, key: str) -> bool:
        """Whether every path of a question is recorded."""
        return set(self._asked[key].paths) <= self._asked[key].recorded

    async def ask(self, session: Session, key: str, over: Callable[[], str]) -> str:
        """Send the ask until every path is recorded, or `over()` gives a reason to stop: that is returned."""
        asked, pause = self._asked[key], self._retry_s
        asked.first = asked.sent = time.monotonic()
        while not self.done(key):
            if why := over():
                return why
            reply = await self._send(session, asked)
            if reply is not None and reply.status == "accepted":
                await session.wait_finals(key, asked.paths, pause)
                pause = min(pause * _GROWTH, self._retry_s * _LONGEST)
            elif reply is not None and reply.status == "refused" and session.opened.profile.live:
                self.fail(key, Status.REFUSED, reply.reason or "refused: no room on any path", reply.paths)
            else:
                await session.wait_finals(key, asked.paths, _UNHEARD_S)
        return ""

    async def _send(self, session: Session, asked: _Asked) -> AskReply | None:
        """One sending; None when nobody answered, which happens while a router is being replaced."""
        now = time.monotonic()
        if not asked.accepted:
            asked.sent = now
        subject = subjects.ask(session.opened.opening)
        message = Ask(question=asked.item.question, route=self._route, open=session.opened, trace=asked.trace)
        try:
            reply = await session.bus.request(subject, message, AskReply, trace=asked.trace)
        except NoResponders:
            return None
        except TransportError as error:
            self._log.info("ask_unheard", question=asked.item.key, error=str(error))
            return None
        if reply.status == "accepted":
            asked.accepted = True
            asked.paths = reply.paths
        return reply


def _asked(item: AskedQuestion, route: str) -> _Asked:
    decision = decided(item, route)
    stamp = RouteStamp(route=route, score=decision.score, reason=decision.reason)
    trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    return _Asked(item, decision.paths, stamp, trace)

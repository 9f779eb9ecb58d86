"""Asking over the broker: each question is sent until its answers are here.

The bench alone owns a question. It sends the same ask again, with growing pauses, until what it waits for is here;
every hop behind it is idempotent by key. A question that is told different things on different paths is sent to each
path by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bench.run.book import Book
from bench.run.polling import as_tick, poll, reply, said_yes
from bench.run.session import Final, Session
from shared import subjects, tracing
from shared.errors import DataError, NoResponders, TransportError
from shared.logs import get_logger
from shared.messages import Ask, AskReply, Path, Question, RouteStamp, S1Said, Status
from shared.routing import First, Routed, StreamState, fallback

__all__ = ["Asking", "Emitted", "Over"]

Emitted = Callable[[Final], float | None]
"""The stream time of an answer (live mode), else None."""
Over = Callable[[], str]
"""Why there is no sense in waiting any longer; empty while there is."""

_UNHEARD_S = 0.3
_DECIDE_S = 15.0
"""Wall-clock seconds to wait for a decision; the router itself gives a policy less."""
_NONSENSE = 3
"""A router that has answered nonsense so often is not asked again about a question."""
_GROWTH = 1.6
_LONGEST = 5.0
"""The longest pause between two sendings of an ask, as a multiple of the first."""


@dataclass
class _Sending:
    """One question on its way to one path, or to all of them."""

    question: Question
    paths: tuple[Path, ...]
    only: Path | None = None
    decided: RouteStamp | None = None
    """The decision that it is sent by; null where the router decides as the bench did."""
    root: tracing.Root = field(default_factory=partial(tracing.root, "question"))
    """Its trace: one a sending, named in every message about it."""
    first: float = 0.0
    """When it was first sent, on this process's monotonic clock."""
    sent: float = 0.0
    """When the sending that was accepted went out."""
    accepted: bool = False
    refused: str = ""


class Asking:
    """Asks, and hands answers to the book; `session` must call `on_answer` for each answer that comes."""

    def __init__(
        self,
        book: Book,
        *,
        route: str,
        retry_s: float,
        emitted: Emitted = lambda final: None,
    ) -> None:
        self.book = book
        self._route, self._retry_s, self._emitted = route, retry_s, emitted
        self._sendings: dict[tuple[str, Path], _Sending] = {}
        self._log = get_logger()

    def on_answer(self, final: Final) -> None:
        """Record an answer, unless it is recorded already."""
        answer = final.answer
        sending = self._sendings.get((answer.key, answer.path))
        t_emit = self._emitted(final)
        # A live tick has no ask of its own: what counts there is when it was emitted.
        timed = sending is not None and (answer.n == "final" or t_emit is None)
        self.book.heard(
            answer,
            wait_s=sending.sent - sending.first if sending else None,
            latency_s=final.at.here - sending.sent if sending and timed else None,
            t_emit=t_emit,
        )

    def fail(self, key: str, status: Status, error: str) -> None:
        """Record what the bench itself has to say of every path that has no final yet."""
        sent = max((s.sent for (k, _), s in self._sendings.items() if k == key), default=0.0)
        took = time.monotonic() - sent if sent else None
        self.book.fail(key, status, error, latency_s=took)

    async def settle(self, session: Session, key: str, over: Over) -> str:
        """Have the router decide where a question goes, unless that is known; else why there is no sense in waiting."""
        if self.book.routed(key):
            return ""
        routed = await self._decision(session, key, over)
        if isinstance(routed, str):
            return routed
        self.book.settle(key, routed)
        return ""

    async def _decision(
        self, session: Session, key: str, over: Over, first: First | None = None
    ) -> Routed | str:
        """The router's decision, with S1's answer where the policy wants it; or why there is none."""
        before = self.book.earlier(key)
        message = Ask(
            question=self.book.item(key).question,
            route=self._route,
            asked=before.asked,
            since_s=before.since_s,
            decide=True,
            first=S1Said(status=first.status, confidence=first.confidence) if first else None,
            open=session.opened,
            trace=(root := tracing.root("decision")).trace,
        )
        strange = 0
        try:
            while not (why := over()):
                reply, wrong = await self._sane(session, message)
                if reply is not None and reply.stamp is not None:
                    return Routed(reply.stamp.paths, reply.stamp, reply.then)
                strange += bool(wrong)
                if strange == _NONSENSE:
                    return self._decided_here(key, f"the router answered nonsense ({wrong})", first)
                await session.wait_change(_UNHEARD_S)
        finally:
            root.end()
        return why

    async def _sane(self, session: Session, message: Ask) -> tuple[AskReply | None, str]:
        """The router's decision; else why what it answered is none, empty where it did not answer."""
        try:
            reply = await self._request(session, message, timeout=_DECIDE_S)
        except DataError as error:
            return None, str(error)
        if reply is None:
            return None, ""
        if reply.stamp is None or not reply.stamp.paths:
            return None, f"status {reply.status!r}, and no path"
        if reply.stamp.route != message.route:
            return None, f"a decision by {reply.stamp.route!r}"
        return reply, ""

    def _decided_here(self, key: str, why: str, first: First | None) -> Routed:
        """In the router's place: by the shipped rules, or S1's answer stands where that was to be looked at."""
        self._log.warning("router_strange", question=key, why=why)
        before = self.book.route(key)
        if first is None:
            item = self.book.item(key)
            return fallback(before.route, item.question, StreamState(item.ask_s), why)
        told = {"reason": f"fallback to s1: {why}", "fallback": True}
        return Routed(self.book.paths(key), before.model_copy(update=told))

    async def ask(self, session: Session, key: str, over: Over) -> str:
        """Ask until every path is recorded, or `over()` gives a reason to stop: that is returned."""
        why = await self._ask_all(session, key, self.book.paths(key), over)
        if why or (first := self.book.first(key)) is None:
            return why
        routed = await self._decision(session, key, over, first)
        if isinstance(routed, str):
            return routed
        self.book.resolve(key, routed)
        return await self._ask_all(session, key, self.book.open_paths(key), over)

    async def _ask_all(self, session: Session, key: str, paths: tuple[Path, ...], over: Over) -> str:
        if not self.book.waits_for(key):
            return await self._ask(session, key, paths, over)
        # Who has answered the earlier turns goes on: a slow path holds up no other.
        whys = await asyncio.gather(*(self._ask_next(session, key, path, over) for path in paths))
        return next((why for why in whys if why), "")

    async def _ask_next(self, session: Session, key: str, path: Path, over: Over) -> str:
        """Ask one path that has been told of the earlier turns."""
        while not self.book.ready(key, path):
            if why := over():
                return why
            await session.wait_change(self._retry_s)
        return await self._ask(session, key, (path,), over)

    async def _ask(self, session: Session, key: str, paths: tuple[Path, ...], over: Over) -> str:
        whys = await asyncio.gather(
            *(
                self._until(session, sending, partial(self._recorded, key, sending.paths), over)
                for sending in self._prepare(key, paths)
            )
        )
        return next((why for why in whys if why), "")

    async def look(self, session: Session, key: str, tick: int, over: Over) -> str:
        """Wait for a tick of a standing question on every path; in the first it is asked."""
        [sending] = self._sendings_of(key) or self._prepare(key, self.book.paths(key))

        def here() -> bool:
            return all(self.book.follow(key, path).answered(tick) for path in self.book.open_paths(key))

        sending.sent = time.monotonic()
        return await self._until(session, sending, here, over, patient=sending.accepted)

    async def stand(self, session: Session, key: str, over: Over) -> str:
        """Put a standing question, without waiting for its ticks (live mode)."""
        [sending] = self._prepare(key, self.book.paths(key))
        sending.root.end()
        while not (sending.accepted or self.book.done(key)):
            if why := over():
                return why
            reply = await self._send(session, sending)
            if reply == "refused":
                self.book.fail(key, Status.REFUSED, sending.refused)
            elif not sending.accepted:
                await session.wait_change(_UNHEARD_S)
        return ""

    async def poll(self, session: Session, key: str, number: int, path: Path, over: Over) -> str:
        """Poll once on one path, and on yes ask what there is to say; both make one tick of the question."""
        item, follow = self.book.item(key), self.book.follow(key, path)
        decided = self.book.decision(key)
        sending = _Sending(poll(item, number), (path,), path, decided=decided)
        if why := await self._alone(session, sending, over):
            return why
        asked = session.finals[sending.question.key, path]
        said: Final | None = None
        if said_yes(asked.answer):
            words = _Sending(reply(item, number), (path,), path, decided=decided)
            if why := await self._alone(session, words, over):
                return why
            said = session.finals[words.question.key, path]
        tick = as_tick(item, number, asked.answer, said.answer if said else None)
        last = said or asked
        self.book.heard(tick, latency_s=last.at.here - sending.first, t_emit=self._emitted(last))
        follow.stopped = said is not None and not item.keeps_on
        return ""

    async def _alone(self, session: Session, sending: _Sending, over: Over) -> str:
        def here() -> bool:
            return all((sending.question.key, path) in session.finals for path in sending.paths)

        return await self._until(session, sending, here, over)

    def _sendings_of(self, key: str) -> list[_Sending]:
        found = [s for (k, _), s in self._sendings.items() if k == key]
        return list({id(sending): sending for sending in found}.values())

    def _prepare(self, key: str, paths: tuple[Path, ...]) -> list[_Sending]:
        """One sending to all, or one a path where they are told different things or not all of them are asked."""
        told = {path: self.book.told(key, path).question for path in paths}
        item, decided = self.book.item(key).question, self.book.decision(key)
        if paths == self.book.paths(key) and all(question == item for question in told.values()):
            sendings = [_Sending(item, paths, decided=decided)]
        else:
            sendings = [_Sending(question, (path,), path, decided=decided) for path, question in told.items()]
        now = time.monotonic()
        for sending in sendings:
            sending.first = sending.sent = now
            self._sendings |= {(key, path): sending for path in sending.paths}
        return sendings

    def _recorded(self, key: str, paths: tuple[Path, ...]) -> bool:
        return not set(paths) & set(self.book.open_paths(key)) or self.book.first(key) is not None

    async def _until(
        self,
        session: Session,
        sending: _Sending,
        here: Callable[[], bool],
        over: Over,
        *,
        patient: bool = False,
    ) -> str:
        """Send until `here()`, or `over()` gives a reason to stop; who is `patient` waits before sending again."""
        try:
            return await self._persist(session, sending, here, over, patient=patient)
        finally:
            sending.root.end()

    async def _persist(
        self,
        session: Session,
        sending: _Sending,
        here: Callable[[], bool],
        over: Over,
        *,
        patient: bool,
    ) -> str:
        pause = self._retry_s
        if not sending.first:
            sending.first = sending.sent = time.monotonic()
        while not here():
            if why := over():
                return why
            if patient:
                patient = False
                await session.wait_until(here, pause)
                continue
            reply = await self._send(session, sending)
            if reply == "accepted":
                await session.wait_until(here, pause)
                pause = min(pause * _GROWTH, self._retry_s * _LONGEST)
            elif reply == "refused" and session.opened.profile.live:
                if sending.question.key not in self.book:
                    return sending.refused
                self.book.fail(sending.question.key, Status.REFUSED, sending.refused, only=sending.paths)
            else:
                await session.wait_until(here, _UNHEARD_S)
        return ""

    async def _send(self, session: Session, sending: _Sending) -> str:
        """One sending: the reply's status; empty when nobody answered (while a router is being replaced)."""
        if not sending.accepted:
            sending.sent = time.monotonic()
        message = Ask(
            question=sending.question,
            route=self._route,
            only=sending.only,
            decided=sending.decided,
            open=session.opened,
            trace=sending.root.trace,
        )
        try:
            reply = await self._request(session, message)
        except DataError as error:  # as if it had said nothing: it is asked again
            self._log.warning("router_strange", question=sending.question.key, why=str(error))
            return ""
        if reply is None:
            return ""
        if reply.status == "accepted":
            sending.accepted = True
        sending.refused = reply.reason or "refused: no room on any path"
        return reply.status

    async def _request(self, session: Session, message: Ask, timeout: float | None = None) -> AskReply | None:
        """The router's reply; null when nobody answered (while a router is being replaced). Raises `DataError`."""
        subject = subjects.ask(session.opened.opening)
        try:
            return await session.bus.request(subject, message, AskReply, timeout=timeout, trace=message.trace)
        except NoResponders:
            return None
        except TransportError as error:
            self._log.info("ask_unheard", question=message.question.key, error=str(error))
            return None

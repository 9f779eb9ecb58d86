"""Asking a stream about now: one question, through the router, answered by S1, S2 or both."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from bench.streams.known import Known, status_of
from shared import subjects, tracing
from shared.bus import Bus
from shared.errors import BusTimeout, DataError, NoResponders, Overloaded, TransportError
from shared.messages import Answer, Ask, AskReply, Form, Option, Question, question_key
from shared.tasks import end_tasks

__all__ = ["Reply", "ask"]

_AGAIN_S = 2.0
_REMIND_S = 5.0
"""Of no answer: then the question is sent again, since whoever took it may have given it up."""


class Reply(NamedTuple):
    """One path's answer."""

    answer: Answer
    took_s: float
    """From the ask to the answer, wall clock."""


async def ask(
    bus: Bus, stream: Known, text: str, *, options: Sequence[str], route: str, wait_s: float
) -> AsyncIterator[Reply]:
    """Ask about the stream's time now; gives each path's answer as it comes.

    Raises `DataError` when the stream does not play, `Overloaded` when it is refused or not answered in time.
    """
    opening = stream.opened.opening
    status = await status_of(bus, opening)
    if status is None or status.t is None:
        raise DataError(f"stream {stream.name!r} does not play now: look at `dsb stream ls`, and ask again")
    question = Question(
        opening=opening,
        key=question_key(opening, 0, secrets.randbits(31)),
        sample=stream.name,
        t_ask=round(status.t, 6),
        text=text,
        form=Form.MCQ if options else Form.TEXT,
        options=tuple(Option(key=chr(65 + place), text=option) for place, option in enumerate(options)),
    )
    root = tracing.root("question")
    message = Ask(question=question, route=route, open=stream.opened, trace=root.trace)
    asked, deadline = time.monotonic(), time.monotonic() + wait_s
    reminding: asyncio.Task[None] | None = None
    try:
        async with aclosing(_answers(bus, question)) as answers:
            waiting = set((await _send(bus, message, deadline)).paths)
            reminding = asyncio.create_task(_remind(bus, message, deadline))
            while waiting:
                try:
                    answer = await asyncio.wait_for(anext(answers), deadline - time.monotonic())
                except TimeoutError:
                    raise Overloaded(
                        f"no answer from {' and '.join(sorted(waiting))} within {wait_s:g} s: look at `dsb ps`, or"
                        " give --wait"
                    ) from None
                waiting.discard(answer.path)
                yield Reply(answer, time.monotonic() - asked)
    finally:
        await end_tasks([reminding] if reminding else [])
        root.end()


async def _answers(bus: Bus, question: Question) -> AsyncGenerator[Answer, None]:
    subject = subjects.answer(question.opening, question.key, "*", "final")
    async with aclosing(bus.follow(subjects.ANSWERS, subject)) as stored:
        async for message in stored:
            yield Answer.from_bytes(message.body)


async def _remind(bus: Bus, message: Ask, deadline: float) -> None:
    while True:
        await asyncio.sleep(_REMIND_S)
        with contextlib.suppress(TransportError):  # it was accepted once
            await _send(bus, message, deadline)


async def _send(bus: Bus, message: Ask, deadline: float) -> AskReply:
    """Send until it is accepted: every hop behind is idempotent by key."""
    while time.monotonic() < deadline:
        try:
            reply = await bus.request(
                subjects.ask(message.question.opening), message, AskReply, trace=message.trace
            )
        except (NoResponders, BusTimeout):
            await asyncio.sleep(_AGAIN_S / 4)
            continue
        if reply.status == "refused":
            raise Overloaded(f"refused: {reply.reason}")
        if reply.status == "accepted":
            return reply
        await asyncio.sleep(_AGAIN_S / 4)
    raise Overloaded("no router took the question in time: look at `dsb ps`")

"""What must get through: answers, events and dead letters are tried again until stored, within a bound.

An answer's subject takes one message and no second: of racing writers one wins, and the others learn that
it is answered.
"""

from __future__ import annotations

import hashlib
import secrets

from shared import subjects, tracing
from shared.bus import core, jetstream
from shared.bus.connection import Connection
from shared.errors import Conflict, PayloadTooLarge, TransportError
from shared.logs import get_logger
from shared.messages import Answer, DeadLetter, Event
from shared.retry import persist
from shared.telemetry import counter

__all__ = ["answer_of", "answered", "dead_letter", "publish_answer", "publish_event"]

_ANSWER_S, _OTHER_S = 60.0, 30.0
_DUPLICATES = counter("answers_duplicate_total", "Answers that came second and were not stored")
_LETTERS = counter("dead_letters_total", "Dead letters written, by service", "service")


async def _store(
    conn: Connection,
    subject: str,
    body: bytes,
    *,
    within_s: float,
    trace: str = "",
    expect_last: int | None = None,
    msg_id: str = "",
) -> None:
    """Append, tried again through outages; without a fence a message id keeps it from being stored twice."""
    if expect_last is None:
        msg_id = msg_id or secrets.token_hex(12)

    async def once() -> TransportError | None:
        try:
            with tracing.span(
                f"send {subjects.hop(subject)}", trace, kind="producer", dsb_worker=conn.name
            ) as inner:
                headers = core.trace_headers(inner)
                await jetstream.append(
                    conn, subject, body, headers=headers, expect_last=expect_last, msg_id=msg_id
                )
        except (Conflict, PayloadTooLarge) as error:
            # Asking again would not help.
            return error
        return None

    refused = await persist(once, what=subject, within_s=within_s, while_=lambda: not conn.closing.is_set())
    if refused is not None:
        raise refused


async def publish_answer(conn: Connection, answer: Answer) -> bool:
    """Store an answer; false if there is another one. Raises `TransportError` after 60 s of outage."""
    subject = subjects.answer(answer.opening, answer.key, answer.path, answer.n)
    body = answer.to_bytes()
    try:
        await _store(conn, subject, body, within_s=_ANSWER_S, trace=answer.trace, expect_last=0)
    except Conflict:
        # A lost acknowledgement looks the same: then what stands there is what we sent.
        stored = await persist(
            lambda: jetstream.last(conn, subjects.ANSWERS, subject), what=subject, within_s=_ANSWER_S
        )
        if stored is not None and stored.body == body:
            return True
        _DUPLICATES.inc()
        return False
    return True


async def answer_of(conn: Connection, opening: str, key: str, path: str, n: str = "final") -> Answer | None:
    """The stored answer of a question on a path: its final, or that of one tick; null when there is none."""
    stored = await jetstream.last(conn, subjects.ANSWERS, subjects.answer(opening, key, path, n))
    return Answer.from_bytes(stored.body) if stored else None


async def answered(conn: Connection, opening: str, key: str, path: str, n: str = "final") -> bool:
    """Whether the question has its answer on this path: its final, or that of one tick."""
    return await jetstream.last(conn, subjects.ANSWERS, subjects.answer(opening, key, path, n)) is not None


async def publish_event(conn: Connection, event: Event) -> None:
    """Store an event; what could not be stored within 30 s is logged."""
    try:
        await _store(conn, subjects.event(event.opening, event.kind), event.to_bytes(), within_s=_OTHER_S)
    except TransportError as error:
        get_logger().error("event_lost", stream=event.opening, kind=event.kind.value, error=str(error))


async def dead_letter(conn: Connection, letter: DeadLetter) -> None:
    """Store a dead letter; the same one is stored once. Raises `TransportError` after 30 s."""
    body = letter.to_bytes()
    await _store(conn, subjects.dlq(letter.service), body, within_s=_OTHER_S, msg_id=_letter_id(letter, body))
    _LETTERS.labels(letter.service).inc()
    get_logger().error("dead_letter", service=letter.service, question=letter.key, reason=letter.reason)


def _letter_id(letter: DeadLetter, body: bytes) -> str:
    """One for each thing given up: who dies behind the letter leaves it to be written again, with another reason."""
    if not letter.key:
        return hashlib.sha1(body).hexdigest()
    tick = "" if letter.tick is None else f"-{letter.tick}"
    return f"{letter.service}-{letter.opening}-{letter.key}-{letter.attempt}{tick}"

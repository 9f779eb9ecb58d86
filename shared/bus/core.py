"""Core NATS with typed messages: publish, request and reply, and subscriptions.

A handler's `DsbError` travels back to who asked, as text; any other exception is logged here and told as
internal. Requests are handled in bounded tasks; plain messages one at a time, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from shared import subjects, tracing
from shared.bus import failpoints, guard
from shared.bus.connection import Connection
from shared.clock import wall
from shared.errors import DsbError, TransportError
from shared.logs import get_logger
from shared.messages import Message
from shared.telemetry import exemplar, histogram

__all__ = ["Meta", "Subscription", "hopped", "listen", "publish", "request", "serve"]

M = TypeVar("M", bound=Message)

_HOP = histogram(
    "hop_seconds", "From a message sent or stored to its handling begun, by the clocks of both hosts", "hop"
)

_ERROR = "Dsb-Error"
_SENT = "Dsb-Sent"
"""Unix seconds at which a request was sent, by the sender's clock."""
TRACE = "traceparent"


class Meta(NamedTuple):
    """Where a message came from."""

    subject: str
    trace: str


class Subscription:
    """A running subscription; `close` lets what was received be answered first."""

    def __init__(self, sub: NatsSubscription, tasks: set[asyncio.Task[None]]) -> None:
        self._sub, self._tasks = sub, tasks

    async def close(self) -> None:
        """Stop taking messages, finish those received. Safe to call twice, but not from its own handler."""
        try:
            await self._sub.drain()  # type: ignore[no-untyped-call]
        except nats.errors.BadSubscriptionError:
            pass  # closed before
        except (TimeoutError, nats.errors.Error, OSError):
            await _forget(self._sub)
        while self._tasks:
            await asyncio.wait(set(self._tasks))


async def _forget(sub: NatsSubscription) -> None:
    """Drop it without the broker's word, which did not come: else every reconnection would subscribe it again."""
    # The client marks one whose drain failed as closed, and keeps it; what is marked can't be taken back.
    sub._closed = False
    with contextlib.suppress(nats.errors.Error, OSError):
        await sub.unsubscribe()


def trace_headers(trace: str) -> dict[str, str]:
    """The headers that carry a trace."""
    return {TRACE: trace} if trace else {}


def hopped(subject: str, seconds: float, *, trace: str = "") -> None:
    """Count what a message waited for; a clock that is behind the sender's makes it nothing, never less.

    What is no number of seconds is not counted: one sender that says "-inf" would spoil the sum for good.
    """
    if math.isfinite(seconds):
        _HOP.labels(subjects.hop(subject)).observe(max(0.0, seconds), exemplar(trace))


def _meta(msg: Msg) -> Meta:
    return Meta(msg.subject, (msg.headers or {}).get(TRACE, ""))


def refused(msg: Msg) -> bool:
    """Whether it came by a way that nobody has a right to; then it is logged, and nobody is answered."""
    why = guard.relayed(msg.headers, msg.reply)
    if why:
        get_logger().warning("message_refused", subject=msg.subject, error=why)
    return bool(why)


def _arrived(msg: Msg, meta: Meta) -> None:
    with contextlib.suppress(ValueError):
        if sent := float((msg.headers or {}).get(_SENT, 0)):
            hopped(msg.subject, wall() - sent, trace=meta.trace)


async def publish(conn: Connection, subject: str, message: Message, *, trace: str = "") -> None:
    """Send a message to whoever listens now."""
    await conn.publish(subject, message.to_bytes(), headers=trace_headers(trace))


async def request(
    conn: Connection, subject: str, message: Message, reply: type[M], *, timeout: float | None, trace: str
) -> M:
    """Ask and parse the reply; a handler's error comes back as `TransportError` with its text."""
    with tracing.span(
        f"request {subjects.hop(subject)}", trace, kind="client", dsb_worker=conn.name
    ) as inner:
        headers = {**trace_headers(inner), _SENT: f"{wall():.6f}"}
        answer = await conn.request(subject, message.to_bytes(), headers=headers, timeout=timeout)
    if answer.headers and _ERROR in answer.headers:
        raise TransportError(answer.data.decode(errors="replace"))
    return reply.from_bytes(answer.data)


async def serve(
    conn: Connection,
    subject: str,
    model: type[M],
    handler: Callable[[M, Meta], Awaitable[Message]],
    *,
    queue: str,
    concurrency: int,
) -> Subscription:
    """Answer requests, up to `concurrency` at a time; returns once the broker knows of it."""
    tasks: set[asyncio.Task[None]] = set()
    slots = asyncio.Semaphore(concurrency)

    async def handle(msg: Msg) -> None:
        try:
            await _answer(conn, msg, model, handler)
        finally:
            slots.release()

    async def receive(msg: Msg) -> None:
        if refused(msg):
            return
        await slots.acquire()
        task = asyncio.create_task(handle(msg))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return Subscription(await subscribe(conn, subject, receive, queue=queue), tasks)


async def _answer(
    conn: Connection, msg: Msg, model: type[M], handler: Callable[[M, Meta], Awaitable[Message]]
) -> None:
    await failpoints.ahit("bus.receive", msg.subject)
    headers: dict[str, str] = {}
    meta = _meta(msg)
    _arrived(msg, meta)
    try:
        with tracing.span(
            f"process {subjects.hop(msg.subject)}", meta.trace, kind="server", dsb_worker=conn.name
        ) as inner:
            body = (await handler(model.from_bytes(msg.data), meta._replace(trace=inner))).to_bytes()
    except DsbError as error:
        headers, body = {_ERROR: type(error).__name__}, str(error).encode()
    except Exception as error:
        log = get_logger()
        log.exception("handler_failed", subject=msg.subject)
        headers, body = {_ERROR: "Internal"}, f"{msg.subject}: internal error: {error!r}".encode()
    if msg.reply:
        try:
            await conn.publish(msg.reply, body, headers=headers)
        except TransportError as error:
            # Who asked asks again: every handler is idempotent by key.
            get_logger().warning("reply_not_sent", subject=msg.subject, error=str(error))


async def listen(
    conn: Connection, subject: str, model: type[M], handler: Callable[[M, Meta], Awaitable[None]]
) -> Subscription:
    """Hear messages in order, one at a time; one that can't be read or handled is logged."""

    async def receive(msg: Msg) -> None:
        if refused(msg):
            return
        await failpoints.ahit("bus.receive", msg.subject)
        try:
            await handler(model.from_bytes(msg.data), _meta(msg))
        except DsbError as error:
            get_logger().warning("message_refused", subject=msg.subject, error=str(error))
        except Exception:
            log = get_logger()
            log.exception("handler_failed", subject=msg.subject)

    return Subscription(await subscribe(conn, subject, receive), set())


async def subscribe(
    conn: Connection, subject: str, receive: Callable[[Msg], Awaitable[None]], *, queue: str = ""
) -> NatsSubscription:
    """A callback subscription that the broker is known to have; raises `TransportError`."""
    await conn.ready()
    try:
        sub = await conn.nc.subscribe(subject, queue=queue, cb=receive, pending_bytes_limit=0)
    except nats.errors.Error as error:
        raise TransportError(f"can't subscribe to {subject}: {error}") from error
    try:
        await conn.flush()
    except BaseException:
        await _forget(sub)
        raise
    return sub

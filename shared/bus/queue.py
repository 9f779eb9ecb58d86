"""The work queue of the slow system: jobs are pulled one by one, only into free slots, and acknowledged when
done.

The pull requests are our own: one at a time, two seconds long, asked again at once after a reconnection.
A job that arrives while the worker stops goes back to the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import NamedTuple

import nats.errors
from nats.aio.msg import Msg

from shared import subjects, tracing
from shared.bus import core, failpoints, guard, jetstream
from shared.bus.connection import Connection
from shared.clock import elapsed
from shared.errors import DataError, Overloaded, TransportError
from shared.logs import get_logger
from shared.messages import S2Job
from shared.tasks import end_tasks
from shared.telemetry import counter

__all__ = ["CONSUMER", "Job", "QueueDepth", "depth", "enqueue", "jobs"]

CONSUMER = "s2"

_REDELIVERED = counter(
    "jobs_redelivered_total", "Jobs that came again: their worker was killed, or gave them back"
)
_PULL_S = 2.0
_SLOT_POLL_S = 0.02
_ACK_TRIES_S = 10.0
_CLOCK_S = 60.0
_NOTHING_NOW = {"404", "408"}
"""Status of a pull that found no job in its time."""
_REFUSED_S = 0.5


async def enqueue(conn: Connection, job: S2Job, *, trace: str) -> bool:
    """Queue a job; false if this attempt was queued already. Raises `Overloaded` when the queue is full."""
    question = job.question
    tick = "" if job.tick is None else f"-{job.tick}"
    try:
        with tracing.span("send s2.job", trace, kind="producer", dsb_worker=conn.name) as inner:
            ack = await jetstream.append(
                conn,
                subjects.s2_job(question.opening),
                job.to_bytes(),
                headers=core.trace_headers(inner),
                msg_id=f"{question.opening}-{question.key}-s2-{job.attempt}{tick}",
            )
    except Overloaded as error:
        raise Overloaded(f"the S2 queue is full: {error}; add S2 workers, or ask less often") from error
    return not ack.duplicate


class QueueDepth(NamedTuple):
    """How much is in the work queue now."""

    waiting: int
    """Jobs that no worker has."""
    in_work: int
    """Jobs that a worker has, and has not acknowledged."""
    redelivered: int
    """Of those in work, the ones that came more than once."""
    pulls: int
    """Workers' requests that wait for a job: free workers."""


async def depth(conn: Connection) -> QueueDepth:
    """How much is in the work queue now, as the broker tells; raises `TransportError`."""
    answer = await conn.api(f"CONSUMER.INFO.{subjects.S2_JOBS}.{CONSUMER}")
    if "error" in answer:
        raise jetstream.failure(f"consumer {CONSUMER}", answer["error"])
    fields = ("num_pending", "num_ack_pending", "num_redelivered", "num_waiting")
    return QueueDepth(*(int(answer.get(field, 0)) for field in fields))


class Job:
    """One delivery of a job; it is this worker's until acknowledged, or silent for the queue's `ack_wait`."""

    body: S2Job | None
    data: bytes
    """The body as it came."""
    error: str
    """Why the body can't be read; empty when it can."""
    relayed: bool
    """Whether the broker was made to repeat it: it is not its sender's own word."""
    delivered: int
    """How often it has been handed to a worker, this time included."""
    age_s: float
    """Wall-clock seconds between its storing and its delivery, by the broker's clock."""

    def __init__(self, conn: Connection, msg: Msg, *, broker_time: float) -> None:
        self._conn, self._msg = conn, msg
        self.body, self.data = None, msg.data
        self.error = guard.relayed(msg.headers)
        self.relayed = bool(self.error)
        if not self.relayed:
            self._read()
        about = msg.metadata
        self.delivered = about.num_delivered
        self.age_s = max(0.0, broker_time - about.timestamp.timestamp())
        self.subject, self.trace = msg.subject, (msg.headers or {}).get(core.TRACE, "")

    def _read(self) -> None:
        try:
            self.body = S2Job.from_bytes(self.data)
        except DataError as error:
            self.error = str(error)

    async def progress(self) -> None:
        """Keep the job for another `ack_wait`; what fails is only logged."""
        await self._say(b"+WPI")

    def working(self) -> contextlib.AbstractContextManager[str]:
        """The span of the work on this delivery, in the trace that the job came with."""
        worker, delivered = self._conn.name, self.delivered
        return tracing.span(
            "process s2.job", self.trace, kind="consumer", dsb_worker=worker, dsb_delivered=delivered
        )

    @contextlib.asynccontextmanager
    async def heartbeat(self) -> AsyncIterator[None]:
        """Say `progress` every third of the queue's `ack_wait` while in the block."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(self._conn.settings.job_ack_wait_s / 3)
                await self.progress()

        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            await end_tasks([task])

    async def ack(self) -> None:
        """The job is done; waits for the broker's word. Without it the job comes again, and is recognised."""
        await self._settle(b"+ACK")

    async def nak(self, delay: float = 0.0) -> None:
        """Give the job back, to be delivered again after `delay` seconds."""
        await self._settle(b"-NAK " + json.dumps({"delay": int(delay * 1e9)}).encode())

    async def term(self) -> None:
        """The job is never to be delivered again."""
        await self._settle(b"+TERM")

    async def _say(self, word: bytes) -> None:
        try:
            await self._conn.publish(self._msg.reply, word)
        except TransportError as error:
            get_logger().warning("job_word_lost", word=word.decode(), error=str(error))

    async def _settle(self, word: bytes) -> None:
        deadline = time.monotonic() + _ACK_TRIES_S
        while True:
            try:
                await self._conn.request(self._msg.reply, word, timeout=2.0)
            except TransportError as error:
                if time.monotonic() > deadline or self._conn.closing.is_set():
                    get_logger().warning("job_word_lost", word=word.decode(), error=str(error))
                    return
                await asyncio.sleep(0.1)
            else:
                return


class _Puller:
    def __init__(self, conn: Connection, slots: Callable[[], int]) -> None:
        self._conn, self._slots = conn, slots
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._asked: tuple[int, float] = (-1, 0.0)
        self._clock_read = -_CLOCK_S
        self._broker_ahead_s = 0.0
        """Of this process's `elapsed`: a wall clock that is set meanwhile would make every job old, or new."""
        self._told = ""

    async def open(self) -> None:
        await self._read_clock()
        self._inbox = self._conn.nc.new_inbox()
        self._sub = await core.subscribe(self._conn, self._inbox, self._receive)

    async def _receive(self, msg: Msg) -> None:
        self._queue.put_nowait(msg)

    async def close(self) -> None:
        """Unsubscribe (drains: it has a callback, so it can't hang), then give back what came too late."""
        with contextlib.suppress(nats.errors.Error, OSError, asyncio.TimeoutError):
            await self._sub.drain()  # type: ignore[no-untyped-call]
        while not self._queue.empty():
            msg = self._queue.get_nowait()
            if msg.reply and "Status" not in (msg.headers or {}):
                await Job(self._conn, msg, broker_time=0.0).nak()

    async def next(self) -> Job:
        """Wait for a free slot, then for a job."""
        while True:
            while self._slots() <= 0:
                await asyncio.sleep(_SLOT_POLL_S)
            if self._conn.closing.is_set():
                raise TransportError(f"connection to {self._conn.url} is closed")
            if self._queue.empty() and not self._pull_is_open():
                await self._pull()
            msg = await self._message()
            if msg is not None:
                self._asked = (-1, 0.0)
                if "Status" not in (msg.headers or {}):
                    self._told = ""
                    return Job(self._conn, msg, broker_time=elapsed() + self._broker_ahead_s)
                await self._refused(msg)

    def _pull_is_open(self) -> bool:
        generation, until = self._asked
        return generation == self._conn.generation and time.monotonic() < until

    async def _pull(self) -> None:
        try:
            if time.monotonic() - self._clock_read > _CLOCK_S:
                await self._read_clock()
            body = json.dumps({"batch": 1, "expires": int(_PULL_S * 1e9)}).encode()
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{subjects.S2_JOBS}.{CONSUMER}"
            await self._conn.publish(subject, body, reply=self._inbox)
            self._asked = (self._conn.generation, time.monotonic() + _PULL_S + 0.5)
        except TransportError as error:
            get_logger().warning("pull_waits", error=str(error))
            await asyncio.sleep(0.5)

    async def _refused(self, msg: Msg) -> None:
        """A consumer that is missing, or has too many who wait, says so at once: it is not asked again at once."""
        headers = msg.headers or {}
        if headers["Status"] in _NOTHING_NOW:
            return
        why = f"{headers['Status']} {headers.get('Description', 'no consumer')}"
        if why != self._told:
            get_logger().warning("pull_refused", reason=why)
            self._told = why
        await asyncio.sleep(_REFUSED_S)

    async def _message(self) -> Msg | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                return await self._queue.get()
        return None

    async def _read_clock(self) -> None:
        """How far the broker's clock is ahead of ours: its word about the consumer carries its time."""
        sent = elapsed()
        answer = await self._conn.api(f"CONSUMER.INFO.{subjects.S2_JOBS}.{CONSUMER}")
        if "error" in answer:
            raise jetstream.failure(f"consumer {CONSUMER}", answer["error"])
        if "ts" in answer:
            self._broker_ahead_s = jetstream.parse_time(answer["ts"]) - (sent + elapsed()) / 2
        self._clock_read = time.monotonic()


async def jobs(conn: Connection, *, slots: Callable[[], int]) -> AsyncGenerator[Job, None]:
    """Yield jobs, never more than `slots()`; use with `aclosing`, which gives back what came too late."""
    puller = _Puller(conn, slots)
    await puller.open()
    try:
        while True:
            job = await puller.next()
            core.hopped(job.subject, job.age_s, trace=job.trace)
            if job.delivered > 1:
                _REDELIVERED.inc()
            await failpoints.ahit("bus.receive", job.subject)
            yield job
    finally:
        await puller.close()

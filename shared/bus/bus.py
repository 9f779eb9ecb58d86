"""`Bus`: all that a process says to the broker, typed; the work is done by the modules beside this one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from shared.bus import answers, core, discovery, jetstream, kv, queue
from shared.bus.connection import Connection
from shared.bus.core import Meta, Subscription
from shared.bus.follow import Query, follow
from shared.bus.jetstream import Stored
from shared.bus.kv import LeaseChange, LeaseInfo
from shared.bus.lease import Keeper, Lease
from shared.bus.queue import Job, QueueDepth
from shared.messages import Answer, DeadLetter, Event, Message, S2Job
from shared.settings import BusSettings

__all__ = ["Bus"]

M = TypeVar("M", bound=Message)


class Bus:
    """A process's connection to the broker; make it with `connect`, end it with `drain`."""

    name: str
    connection: Connection
    """For the modules of this package only."""

    def __init__(self, connection: Connection, *, on_closed: Callable[[], None] | None = None) -> None:
        self.connection = connection
        self.name = connection.name
        self._keeper = Keeper(connection.settings, connection.name, on_closed=on_closed)

    @classmethod
    async def connect(
        cls, settings: BusSettings, *, name: str, on_closed: Callable[[], None] | None = None
    ) -> Bus:
        """Connect, and reconnect for ever after; raises `TransportError` when no broker answers at first.

        `on_closed` is called, in the connection's own thread, when the broker closed this connection or that of the
        leases for good: the process should end then.
        """
        connection = Connection(settings, name=name, on_closed=on_closed)
        await connection.open()
        return cls(connection, on_closed=on_closed)

    @property
    def connected(self) -> bool:
        """Whether the broker is reached now."""
        return self.connection.connected

    async def drain(self) -> None:
        """Finish what was received, stop renewing leases, close; iterators end with `TransportError`."""
        await self.connection.drain()
        await self._keeper.stop()

    # Core: who listens now gets it.

    async def publish(self, subject: str, message: Message, *, trace: str = "") -> None:
        """Send a message without knowing whether anybody hears it."""
        await core.publish(self.connection, subject, message, trace=trace)

    async def request(
        self, subject: str, message: Message, reply: type[M], *, timeout: float | None = None, trace: str = ""
    ) -> M:
        """Ask; raises `NoResponders`, `BusTimeout`, or `TransportError` with the handler's error as text."""
        return await core.request(self.connection, subject, message, reply, timeout=timeout, trace=trace)

    async def serve(
        self,
        subject: str,
        model: type[M],
        handler: Callable[[M, Meta], Awaitable[Message]],
        *,
        queue: str = "",
        concurrency: int = 32,
    ) -> Subscription:
        """Answer requests, `concurrency` at a time; members of a `queue` share them."""
        return await core.serve(
            self.connection, subject, model, handler, queue=queue, concurrency=concurrency
        )

    async def listen(
        self, subject: str, model: type[M], handler: Callable[[M, Meta], Awaitable[None]]
    ) -> Subscription:
        """Hear messages in order, one at a time."""
        return await core.listen(self.connection, subject, model, handler)

    # JetStream: what is stored.

    async def append(
        self,
        subject: str,
        message: Message | bytes,
        *,
        headers: Mapping[str, str] | None = None,
        expect_last: int | None = None,
        msg_id: str = "",
        trace: str = "",
    ) -> int:
        """Store a message; its sequence. Raises `Conflict`, `Overloaded`, `PayloadTooLarge`, `BusTimeout`."""
        body = message if isinstance(message, bytes) else message.to_bytes()
        sent = {**core.trace_headers(trace), **(headers or {})}
        ack = await jetstream.append(
            self.connection, subject, body, headers=sent, expect_last=expect_last, msg_id=msg_id
        )
        return ack.seq

    async def last(self, stream: str, subject: str) -> Stored | None:
        """The newest message of a subject."""
        return await jetstream.last(self.connection, stream, subject)

    async def get(self, stream: str, seq: int) -> Stored | None:
        """The message of a sequence; null when it is gone."""
        return await jetstream.get(self.connection, stream, seq)

    def follow(
        self,
        stream: str,
        subject: str,
        *,
        start_seq: int | None = None,
        last_per_subject: bool = False,
        headers_only: bool = False,
        stop_at_end: bool = False,
    ) -> AsyncGenerator[Stored, None]:
        """Every message in order, through broker restarts; use with `aclosing`.

        From the first one, from `start_seq`, or from the newest of each subject. `stop_at_end` ends it
        when all that was stored at the call is delivered.
        """
        query = Query(stream, subject, start_seq, last_per_subject, headers_only)
        return follow(self.connection, query, stop_at_end=stop_at_end)

    async def purge(
        self, stream: str, subject: str, *, keep: int | None = None, below_seq: int | None = None
    ) -> None:
        """Remove messages of a subject: all, all but the newest `keep`, or those below a sequence."""
        await jetstream.purge(self.connection, stream, subject, keep=keep, below_seq=below_seq)

    async def delete(self, stream: str, seq: int) -> bool:
        """Remove one message for good; false if there is none of that sequence."""
        return await jetstream.delete(self.connection, stream, seq)

    async def count(self, stream: str) -> int:
        """How many messages a stream holds."""
        return await jetstream.count(self.connection, stream)

    async def publish_event(self, event: Event) -> None:
        """Store an event, tried again for up to 30 s; a failure is logged."""
        await answers.publish_event(self.connection, event)

    async def publish_answer(self, answer: Answer) -> bool:
        """Store an answer, tried again for up to 60 s; false if the question was answered already."""
        return await answers.publish_answer(self.connection, answer)

    async def answered(self, opening: str, key: str, path: str, n: str = "final") -> bool:
        """Whether the question has its answer on this path: its final, or that of tick `n`."""
        return await answers.answered(self.connection, opening, key, path, n)

    async def answer_of(self, opening: str, key: str, path: str, n: str = "final") -> Answer | None:
        """The stored final of a question on a path, or its answer in tick `n`; null when there is none."""
        return await answers.answer_of(self.connection, opening, key, path, n)

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Put away what nobody could work on."""
        await answers.dead_letter(self.connection, letter)

    # Buckets.

    def lease(
        self, bucket: str, key: str, *, holder: str, ttl: float, value: Mapping[str, Any] | None = None
    ) -> Lease:
        """A lease, not yet taken; `ttl` is the bucket's (`lease_ttl_s`)."""
        return Lease(self._keeper, bucket, key, holder=holder, ttl=ttl, value=value or {})

    async def lease_holder(self, bucket: str, key: str) -> LeaseInfo | None:
        """Who holds a lease now."""
        return await kv.lease_holder(self.connection, bucket, key)

    async def leases(self, bucket: str) -> list[LeaseChange]:
        """The leases that are held now, by key."""
        return await kv.leases(self.connection, bucket)

    def watch_leases(self, bucket: str) -> AsyncGenerator[LeaseChange, None]:
        """The leases as they are, then every change; use with `aclosing`."""
        return kv.watch_leases(self.connection, bucket)

    async def bump(self, bucket: str, key: str) -> int:
        """Add one to a counter; its new value."""
        return await kv.bump(self.connection, bucket, key)

    async def forget(self, bucket: str, key: str) -> None:
        """Remove a key, as if it had never been there; for counters, not for leases."""
        await jetstream.purge(self.connection, kv.stream(bucket), kv.subject(bucket, key))

    async def keep(self, bucket: str, key: str, message: Message) -> bool:
        """Store a message under a key that has none yet; false if there is one, which stays."""
        return await kv.keep(self.connection, bucket, key, message.to_bytes())

    async def kept(self, bucket: str, prefix: str, model: type[M]) -> list[M]:
        """The messages of all keys below `prefix.`, in the order of their storing."""
        return [model.from_bytes(body) for body in await kv.kept(self.connection, bucket, prefix)]

    # The work queue.

    async def enqueue(self, job: S2Job) -> bool:
        """Queue a job; false if this attempt is queued already. Raises `Overloaded` when full."""
        return await queue.enqueue(self.connection, job, trace=job.trace)

    def jobs(self, *, slots: Callable[[], int]) -> AsyncGenerator[Job, None]:
        """Jobs, never more than `slots()` at a time; use with `aclosing`."""
        return queue.jobs(self.connection, slots=slots)

    async def queue_depth(self) -> QueueDepth:
        """How much is in the work queue now, as the broker tells."""
        return await queue.depth(self.connection)

    # Discovery.

    async def announce(
        self, service: str, *, version: str, metadata: Mapping[str, str], stats: Callable[[], dict[str, Any]]
    ) -> None:
        """Be found by `discover`; `metadata["worker"]` is the name shown."""
        await discovery.announce(self.connection, service, version=version, metadata=metadata, stats=stats)

"""The memory service: stores notes, finds them, and forgets them, for all other services.

It alone holds the vector store. Encoder and engine work in one thread: the event loop stays free and a search
sees every write acknowledged before it. A repeated write is the same note: a kill loses and doubles nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar

from services.memory.settings import Settings
from shared import subjects
from shared.bus import Meta, failpoints
from shared.clock import wall
from shared.errors import StoreError
from shared.logs import get_logger
from shared.masking import mask
from shared.memory import Memory, open_memory
from shared.messages import (
    Done,
    Forget,
    Forgotten,
    Holdings,
    HoldingsReply,
    RunNotes,
    Search,
    SearchReply,
    Upsert,
)
from shared.service import Runtime
from shared.tasks import end_tasks
from shared.telemetry import counter, exemplar, histogram

__all__ = ["Service", "Settings"]

T = TypeVar("T")

_QUEUE = "memory"
_NOTES = counter("memory_notes_total", "Notes stored; a repeated one counts again")
_SEARCHES = counter("memory_searches_total", "Searches answered")
_FORGOTTEN = counter("memory_forgotten_total", "Notes removed, by what asked for it", "why")
_UPSERT_S = histogram("memory_upsert_seconds", "Encoding and storing the notes of one request")
_ENCODE_S = histogram("memory_encode_seconds", "Encoding the text of a search")
_SEARCH_S = histogram("memory_search_seconds", "Searching and ordering, without encoding")


class Service:
    """Serves upsert and search until told to stop."""

    NAME: ClassVar[str] = "memory"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="memory")
        self._memory: Memory
        self._served = {"upserts": 0, "notes": 0, "searches": 0}

    async def run(self, rt: Runtime) -> None:
        """Load, serve, and let requests in flight finish."""
        began = time.monotonic()
        try:
            self._memory = await self._work(self._open)
            get_logger().info(
                "memory_opened",
                store=mask(self._settings.memory_store),
                seconds=round(time.monotonic() - began, 3),
            )
            try:
                await self._serve(rt)
            finally:
                await self._work(self._memory.close)
        finally:
            self._pool.shutdown()

    async def _serve(self, rt: Runtime) -> None:
        subscriptions = [
            await rt.bus.serve(subjects.MEM_UPSERT, Upsert, self._upsert, queue=_QUEUE),
            await rt.bus.serve(subjects.MEM_SEARCH, Search, self._search, queue=_QUEUE),
            await rt.bus.serve(subjects.MEM_LIST, Holdings, self._list, queue=_QUEUE),
            await rt.bus.serve(subjects.MEM_FORGET, Forget, self._forget, queue=_QUEUE),
        ]
        await rt.bus.announce(self.NAME, version="1.0.0", metadata=self._about(rt), stats=self._stats)
        sweeping = asyncio.create_task(self._sweep())
        rt.set_ready(True)
        await rt.stopping.wait()
        await end_tasks([sweeping])
        rt.set_ready(False, "stopping")
        for subscription in subscriptions:
            await subscription.close()

    async def _upsert(self, request: Upsert, meta: Meta) -> Done:
        await failpoints.ahit("memory.received", meta.subject)
        began = time.perf_counter()
        await self._work(lambda: self._memory.upsert(request.notes))
        _UPSERT_S.observe(time.perf_counter() - began)
        _NOTES.inc(len(request.notes))
        self._served["upserts"] += 1
        self._served["notes"] += len(request.notes)
        await failpoints.ahit("memory.stored_not_replied", meta.subject)
        return Done()

    async def _search(self, request: Search, meta: Meta) -> SearchReply:
        await failpoints.ahit("memory.received", meta.subject)
        reply = await self._work(lambda: self._memory.search(request))
        _ENCODE_S.observe(reply.encode_s, exemplar(meta.trace))
        _SEARCH_S.observe(reply.search_s, exemplar(meta.trace))
        _SEARCHES.inc()
        self._served["searches"] += 1
        return reply

    async def _list(self, request: Holdings, meta: Meta) -> HoldingsReply:
        def look() -> HoldingsReply:
            run = request.run
            held = {run: self._memory.count(run=run)} if run else self._memory.runs()
            runs = tuple(RunNotes(run=name, notes=held[name]) for name in sorted(held) if held[name])
            return HoldingsReply(runs=runs, notes=self._memory.count())

        return await self._work(look)

    async def _forget(self, request: Forget, meta: Meta) -> Forgotten:
        gone = await self._work(lambda: self._memory.delete(run=request.run))
        _FORGOTTEN.labels("asked").inc(gone)
        get_logger().info("run_forgotten", run=request.run, notes=gone)
        return Forgotten(notes=gone)

    async def _sweep(self) -> None:
        """Remove what is older than it may be, again and again."""
        ttl = self._settings.memory_ttl_s
        while ttl:
            try:
                gone = await self._work(lambda: self._memory.delete(before=wall() - ttl))
                _FORGOTTEN.labels("age").inc(gone)
            except StoreError as error:
                get_logger().warning("sweep_failed", error=str(error))
            await asyncio.sleep(self._settings.memory_sweep_s)

    def _open(self) -> Memory:
        settings = self._settings
        return open_memory(
            store=settings.memory_store,
            encoder=settings.memory_encoder,
            threads=settings.memory_threads,
            device=settings.memory_device,
            api_key=settings.memory_api_key.get_secret_value(),
            replicas=settings.memory_replicas,
            texts=settings.memory_texts,
        )

    def _about(self, rt: Runtime) -> dict[str, str]:
        settings = self._settings
        return {"worker": rt.worker, "store": mask(settings.memory_store), "encoder": settings.memory_encoder}

    def _stats(self) -> dict[str, Any]:
        return dict(self._served)

    async def _work(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

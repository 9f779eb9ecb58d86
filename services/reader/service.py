"""The reader: leases openings, turns their sources into frame logs, lets go when the bench is done.

Requests are heard only while a slot is free, so "no responders" means that every reader is full. The holder
of an opening answers for it on `dsb.v1.ctl.reader.open.<opening>` in any case.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from services.reader.playing import Playing
from services.reader.settings import ReaderSettings
from shared import subjects
from shared.bus import Bus, Meta, Vacancy
from shared.errors import TransportError
from shared.logs import get_logger
from shared.messages import Event, EventKind, Open, OpenReply
from shared.service import Runtime
from shared.tasks import end_tasks
from shared.telemetry import gauge
from shared.video import codec_name
from shared.video.source import shown

__all__ = ["Service", "Settings"]

Settings = ReaderSettings

_PASS_ON_S = 1.0

_SLOTS = gauge("reader_slots", "Openings that this reader can play")
_PLAYING = gauge("reader_playing", "Openings that this reader plays")


class Service:
    """Plays up to `slots` openings."""

    NAME: ClassVar[str] = "reader"

    def __init__(self, settings: ReaderSettings) -> None:
        self._settings = settings
        self._playing: dict[str, Playing] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._vacancy = Vacancy(
            lambda: self._bus.serve(subjects.reader_ctl("open"), Open, self._open, queue="reader"),
            free=lambda: len(self._playing) < self._settings.slots and not self._rt.stopping.is_set(),
        )
        self._taking = asyncio.Lock()

    async def run(self, rt: Runtime) -> None:
        """Play until stopped; then release every lease at once, so that others read on."""
        self._rt, self._bus = rt, rt.bus
        with ThreadPoolExecutor(self._settings.threads, "decode") as self._pool:
            _SLOTS.set(self._settings.slots)
            await self._announce(rt.bus)
            closes = await rt.bus.listen(subjects.event("*", EventKind.CLOSED), Event, self._on_closed)
            await self._vacancy.look()
            rt.set_ready(True)
            keeping = asyncio.create_task(self._vacancy.keep())
            await rt.stopping.wait()
            await closes.close()
            await self._vacancy.look()
            await end_tasks([keeping])
            for playing in self._playing.values():
                playing.end("stopped")
            while self._tasks:
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _announce(self, bus: Bus) -> None:
        metadata = {"worker": self._rt.worker, "slots": str(self._settings.slots), "codec": codec_name()}
        await bus.announce("reader", version="1.0.0", metadata=metadata, stats=self._stats)

    def _stats(self) -> dict[str, Any]:
        return {"slots": self._settings.slots, "playing": sorted(self._playing)}

    async def _open(self, opened: Open, meta: Meta) -> OpenReply:
        async with self._taking:
            playing = self._playing.get(opened.opening)
            if playing is not None:
                playing.keep_alive()
                return OpenReply(accepted=True, reader=self._rt.worker, reason="held")
            return await self._take(opened)

    async def _take(self, opened: Open) -> OpenReply:
        opening = opened.opening
        holder = await self._bus.lease_holder(subjects.READER_BUCKET, opening)
        if holder is not None:
            return await self._pass_on(opened, holder.holder)
        if self._rt.stopping.is_set() or len(self._playing) >= self._settings.slots:
            return OpenReply(accepted=False, reason="no free slot: ask again")
        if await self._bus.last(subjects.EVENTS, subjects.event(opening, EventKind.CLOSED)):
            return OpenReply(accepted=False, reason="closed: an opening is played once, open a new one")
        lease = self._bus.lease(
            subjects.READER_BUCKET, opening, holder=self._rt.worker, ttl=self._settings.lease_ttl_s
        )
        if not await lease.take():
            return OpenReply(accepted=False, reason="another reader was quicker: ask again")
        get_logger().info(
            "reader_leased", stream=opening, run=opened.run, uri=shown(opened.uri), epoch=lease.epoch
        )
        self._playing[opening] = playing = Playing(
            self._bus, opened, lease, pool=self._pool, settings=self._settings, worker=self._rt.worker
        )
        _PLAYING.set(len(self._playing))
        self._spawn(self._play(opening, playing))
        self._vacancy.changed()
        return OpenReply(accepted=True, reader=self._rt.worker)

    async def _pass_on(self, opened: Open, holder: str) -> OpenReply:
        """Tell the holder that the bench still wants this opening."""
        try:
            reply = await self._bus.request(
                subjects.reader_ctl(f"open.{opened.opening}"), opened, OpenReply, timeout=_PASS_ON_S
            )
            return reply.model_copy(update={"reason": reply.reason or "held"})
        except TransportError:
            # It may just have died: its lease will tell.
            return OpenReply(accepted=True, reader=holder, reason="held")

    async def _on_closed(self, event: Event, meta: Meta) -> None:
        playing = self._playing.get(event.opening)
        if playing is not None:
            playing.end("closed")
            return
        # Its reader may have died: then nobody else would ever clear the log away.
        try:
            await self._bus.purge(subjects.FRAMES_CAP, subjects.frames(event.opening, live=False))
        except TransportError as error:
            get_logger().warning("purge_failed", stream=event.opening, error=str(error))

    async def _play(self, opening: str, playing: Playing) -> None:
        try:
            await playing.run()
        finally:
            self._playing.pop(opening, None)
            _PLAYING.set(len(self._playing))
            self._vacancy.changed()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

"""One owned opening: its frame log is followed, its questions answered, its notes written, until it is closed.

The owner's watermark is `t` once every frame up to `t` is encoded and every note that ended by `t` is acknowledged by
memory. Whoever loses the lease stops at once; what it still computes is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import Executor
from contextlib import aclosing
from typing import Any

from services.s1.answering import Answering
from services.s1.live import LatestFrames
from services.s1.notes import NoteWriter
from services.s1.settings import S1Settings
from services.s1.standing import StandingQuestions
from services.s1.stream_time import StreamTime
from shared import metering, subjects
from shared.bus import Bus, FrameLog, FrameRecord, Lease, Meta, hopped
from shared.clock import wall
from shared.errors import DsbError, ModelError, TransportError, VideoError
from shared.logs import get_logger
from shared.messages import Credit, Done, Event, EventKind, Open, S1Ask, StreamReport
from shared.perception import Perceiver
from shared.retry import persist
from shared.tasks import end_tasks
from shared.telemetry import counter
from shared.video import Frame
from shared.vlm import Vlm

__all__ = ["Owned"]

_FRAMES = counter("s1_frames_total", "Frames encoded")
_CLOSED_SWEEP_S = 5.0


class Owned:
    """The state and the tasks of one owned opening."""

    epoch: int
    dropped: dict[str, int]
    """Frames that gave way, by reason (live mode)."""

    def __init__(
        self,
        bus: Bus,
        opened: Open,
        lease: Lease,
        *,
        vlm: Vlm,
        model_thread: Executor,
        settings: S1Settings,
        worker: str,
    ) -> None:
        self._bus, self._open, self._lease, self._settings = bus, opened, lease, settings
        self.epoch = lease.epoch
        self._profile, self._opening = opened.profile, opened.opening
        self._worker, self._model_thread = worker, model_thread
        self._perceiver = Perceiver(vlm, opened.profile, opening=opened.opening, run=opened.run)
        self._time = StreamTime(1 / self._profile.video.fps if self._profile.live else None)
        self._answering = Answering(
            bus,
            opened,
            lease,
            self._perceiver,
            self._time,
            vlm=vlm,
            model_thread=model_thread,
            settings=settings,
            worker=worker,
        )
        self._standing = StandingQuestions(
            bus,
            opened,
            lease,
            self._perceiver,
            self._time,
            vlm=vlm,
            model_thread=model_thread,
            settings=settings,
            worker=worker,
        )
        within_s = settings.live_memory_s if self._profile.live else settings.capacity_memory_s
        self._notes = NoteWriter(bus, within_s=within_s, held=lambda: lease.valid)
        self._over = asyncio.Event()
        self.dropped = {}
        self._consumed, self._encoded = -1, 0
        self._told = -1
        self._log = get_logger(stream=opened.opening, epoch=lease.epoch)

    async def subscribe(self) -> None:
        """Become reachable: questions wait until the watermark is there."""
        self._asks = await self._bus.serve(subjects.s1(self._opening), S1Ask, self._ask)
        try:
            self._closes = await self._bus.listen(
                subjects.event(self._opening, EventKind.CLOSED), Event, self._on_closed
            )
        except BaseException:
            await self._asks.close()
            raise

    async def stop(self) -> None:
        """Hand the opening back: another worker takes it over at once."""
        self._over.set()

    async def run(self) -> None:
        """Follow the log until closed, stopped or fenced; releases the lease."""
        work = [asyncio.create_task(one) for one in (self._follow(), self._beat(), self._sweep_closed())]
        ends = [asyncio.create_task(one) for one in (self._over.wait(), self._lease.lost.wait())]
        try:
            done, _ = await asyncio.wait([*work, *ends], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task in work and task.exception():
                    self._log.error("owner_failed", error=repr(task.exception()))
        finally:
            await end_tasks([*work, *ends])
            await self._let_go()

    async def _let_go(self) -> None:
        with contextlib.suppress(DsbError):
            await self._asks.close()
            await self._closes.close()
            await self._standing.finish()
            await self._answering.finish(wait=self._lease.valid)
            if self._lease.valid:
                await self._report()
        # Whatever of that failed: renewed for ever, a lease that nobody serves would keep everybody else out.
        with contextlib.suppress(DsbError):
            await self._lease.release()
        self._model_thread.submit(self._perceiver.close)  # behind what the model still does for it
        self._log.info("owner_ended", fenced=not self._over.is_set())

    async def _report(self) -> None:
        """What became of a live stream's frames here."""
        if self._profile.live:
            report = StreamReport(service="s1", frames=self._encoded, dropped=dict(self.dropped))
            event = Event(
                opening=self._opening,
                kind=EventKind.REPORT,
                by=self._worker,
                epoch=self.epoch,
                t=max(0.0, self._time.watermark),
                report=report,
            )
            await self._bus.publish_event(event)

    async def _ask(self, ask: S1Ask, meta: Meta) -> Done:
        self._lease.require()
        if ask.question.standing is not None:
            return await self._standing.take(ask)
        return self._answering.take(ask)

    async def _on_closed(self, event: Event, meta: Meta) -> None:
        self._over.set()

    async def _sweep_closed(self) -> None:
        """The word that the opening is over may have come while the connection was down."""
        while not await self._is_closed():
            await asyncio.sleep(_CLOSED_SWEEP_S)
        self._over.set()

    async def _is_closed(self) -> bool:
        with contextlib.suppress(TransportError):  # asked again soon
            closed = subjects.event(self._opening, EventKind.CLOSED)
            return await self._bus.last(subjects.EVENTS, closed) is not None
        return False

    async def _follow(self) -> None:
        await self._bus.publish_event(
            Event(opening=self._opening, kind=EventKind.OWNER, by=self._worker, epoch=self.epoch)
        )
        await self._standing.load()
        log = FrameLog(self._bus, self._opening, live=self._profile.live)
        start = await self._start_seq(log)
        async with aclosing(log.follow(start)) as records:
            if self._profile.live:
                await self._consume_latest(records)
            else:
                async for record in records:
                    await self._consume(record)

    async def _start_seq(self, log: FrameLog) -> int | None:
        """Where the window begins. A capacity log holds little more than that, so it is read whole."""
        if not self._profile.live:
            return None
        index = await persist(log.index, what="frame log", while_=lambda: self._lease.valid)
        frames = [record for record in index if record.kind == "frame"]
        return frames[-self._profile.reach].seq if len(frames) > self._profile.reach else None

    async def _consume_latest(self, records: Any) -> None:
        latest = LatestFrames(self._settings.live_buffer, self._tell_dropped, slow=self._profile.slow)
        self.dropped = latest.dropped
        async with latest.fed_by(records) as fresh:
            async for record in fresh:
                await self._consume(record)
                if latest.idle:  # never at the cost of a frame
                    await self._staged("prefill", self._perceiver.prefill)

    async def _tell_dropped(self, count: int, t: float) -> None:
        await self._bus.publish_event(
            Event(opening=self._opening, kind=EventKind.DROPPED, by=self._worker, t=t, count=count)
        )

    async def _consume(self, record: FrameRecord) -> None:
        if record.kind == "frame":
            frame = Frame(record.index, record.t, record.jpeg)
            hopped(subjects.frames(self._opening, live=self._profile.live), wall() - record.time)
            if await self._perceive(frame):
                _FRAMES.inc()
                self._encoded += 1
            self._consumed = record.index
            if self._profile.live:
                await self._time.reach(record.t)
            if self._consumed - self._told >= max(1, self._profile.credit // 4):
                await self._tell_credit()
        elif record.kind == "eos":
            await self._time.end(record.t)
        elif record.kind == "watermark":
            await self._notes.write(await self._model(self._perceiver.advance, record.t))
            await self._staged("prefill", self._perceiver.prefill)
            await self._time.reach(record.t)
            await self._tell_credit()
            await self._bus.publish_event(
                Event(
                    opening=self._opening,
                    kind=EventKind.WATERMARK,
                    by=self._worker,
                    t=record.t,
                    epoch=self.epoch,
                )
            )

    async def _perceive(self, frame: Frame) -> bool:
        """Whether the frame was taken. Another owner would fail at it too: it is passed over, and questions say so."""
        try:
            notes = await self._staged("perceive", self._perceiver.push, frame)
        except (ModelError, VideoError) as error:
            self._log.warning("frame_failed", index=frame.index, t=frame.t, error=str(error))
            self.dropped["failed"] = self.dropped.get("failed", 0) + 1
            metering.dropped("s1", "failed", 1)
            return False
        await self._notes.write(notes)
        return True

    async def _model(self, call: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._model_thread, call, *args)

    async def _staged(self, stage: str, call: Any, *args: Any) -> Any:
        started = time.perf_counter()
        result = await self._model(call, *args)
        metering.stage("s1", stage, time.perf_counter() - started)
        return result

    async def _tell_credit(self) -> None:
        self._told = self._consumed
        await self._bus.publish(
            subjects.credit(self._opening), Credit(opening=self._opening, index=self._consumed)
        )

    async def _beat(self) -> None:
        """Credits go over core NATS and can be lost: they are said again."""
        while not self._profile.live:
            await asyncio.sleep(self._settings.beat_s)
            await self._tell_credit()
        await asyncio.Event().wait()

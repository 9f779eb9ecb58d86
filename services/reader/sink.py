"""The frame log as the reader writes it: each record until it is stored, and only under a valid lease."""

from __future__ import annotations

import asyncio
from typing import Literal

from services.reader.decoding import Resume
from shared.bus import FrameLog, Lease, failpoints
from shared.errors import Conflict, PayloadTooLarge, TransportError
from shared.logs import get_logger
from shared.telemetry import counter
from shared.video import Frame

__all__ = ["Sink"]

_FRAMES = counter("reader_frames_total", "Frames published")
_BYTES = counter("reader_frame_bytes_total", "Bytes of JPEG published")
_WAITS = counter("reader_log_waits_total", "Times a full or absent frame log made the reader wait")

Kind = Literal["frame", "watermark", "eos"]

_FIRST_S, _LONGEST_S = 0.05, 1.0


class Sink:
    """Appends to the log of one opening and knows what it holds."""

    last: Resume
    """The last frame in the log."""
    watermark: float
    """The last watermark in the log; -1 at first."""
    end_t: float | None
    """The time of the end-of-stream record; null while there is none."""
    published: int
    """Frames that this reader has appended."""
    last_time: float | None
    """When a predecessor's last record was stored, by the broker's clock."""

    def __init__(self, log: FrameLog, lease: Lease, opening: str) -> None:
        self._log, self._lease, self._opening = log, lease, opening
        self.last, self.watermark, self.end_t = Resume(), -1.0, None
        self.published, self.last_time = 0, None
        self._seqs: dict[int, int] = {}

    @property
    def eos(self) -> bool:
        """Whether the end-of-stream record is there."""
        return self.end_t is not None

    async def resume(self) -> None:
        """Read what a predecessor left, and take over the fence: from now on it is refused."""
        last = await self._log.resume()
        if last is None:
            return
        self.last_time = last.time
        for record in await self._log.index():
            self._note(record.kind, record.index, record.t, record.seq)

    async def frame(self, frame: Frame) -> None:
        """Append a frame."""
        await self._store("frame", frame.index, frame.t, frame.jpeg)
        self.published += 1
        _FRAMES.inc()
        _BYTES.inc(len(frame.jpeg))
        await failpoints.ahit("reader.frame_published", self._opening)

    async def mark(self, t: float) -> None:
        """Append the watermark `t`: every frame up to it stands before it."""
        await self._store("watermark", self.last.index, t)
        await failpoints.ahit("reader.watermark_published", self._opening)

    async def end(self, t: float) -> None:
        """Append the end-of-stream record."""
        await self._store("eos", self.last.index, t)

    async def forget(self, index: int, *, at_least: int) -> None:
        """Purge what stands before frame `index`, if that frees `at_least` frames."""
        gone = [held for held in self._seqs if held < index]
        if len(gone) >= at_least and index in self._seqs:
            await self._log.purge_below(self._seqs[index])
            for held in gone:
                del self._seqs[held]

    async def _store(self, kind: Kind, index: int, t: float, jpeg: bytes = b"") -> None:
        """Append until stored. `Conflict`, `LeaseLost`: somebody else reads on. `PayloadTooLarge`: never."""
        pause = _FIRST_S
        while True:
            self._lease.require()
            try:
                seq = await self._log.append(kind, index=index, t=t, jpeg=jpeg, epoch=self._lease.epoch)
                break
            except (Conflict, PayloadTooLarge):
                raise
            except TransportError as error:
                _WAITS.inc()
                get_logger().debug("frame_log_wait", stream=self._opening, error=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_S)
        self._note(kind, index, t, seq)

    def _note(self, kind: Kind, index: int, t: float, seq: int) -> None:
        if kind == "frame":
            self.last = Resume(index, t)
            if not self._log.live:  # the broker itself forgets a live log, which may go on for ever
                self._seqs[index] = seq
        elif kind == "watermark":
            self.watermark = max(self.watermark, t)
        else:
            self.end_t = t

"""The frame log of one opening: frames, watermarks and the end of the stream, in the order in which they
happened.

A body is the JPEG as it is, all else stands in headers. Every record is written with the expected last
sequence of its subject, so that of two writers one is refused by the broker, whatever it believes about
its lease.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from shared import subjects
from shared.bus.jetstream import Stored
from shared.errors import Conflict, DataError

if TYPE_CHECKING:
    from shared.bus.bus import Bus

__all__ = ["FrameLog", "FrameRecord", "Kind"]

Kind = Literal["frame", "watermark", "eos"]

_KIND, _INDEX, _PTS, _EPOCH, _WRITER = "Dsb-Kind", "Dsb-Index", "Dsb-Pts-Us", "Dsb-Epoch", "Dsb-Writer"


class FrameRecord(NamedTuple):
    """One entry of a frame log."""

    kind: Kind
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    """Of the frame; of a watermark or the end: the last frame so far, -1 for none."""
    t: float
    """Stream seconds: of the frame, the granted time of a watermark, the duration at the end."""
    jpeg: bytes
    """Empty but for frames, and empty where only headers were asked for."""
    seq: int
    time: float
    """The broker's timestamp, unix seconds."""
    epoch: int = 0
    """Of the reader's lease."""


def _record(stored: Stored) -> FrameRecord:
    try:
        headers = stored.headers
        return FrameRecord(
            kind=cast(Kind, headers[_KIND]),
            index=int(headers[_INDEX]),
            t=int(headers[_PTS]) / 1e6,
            jpeg=stored.body,
            seq=stored.seq,
            time=stored.time,
            epoch=int(headers[_EPOCH]),
        )
    except (KeyError, ValueError) as error:
        raise DataError(f"{stored.subject}, sequence {stored.seq}: not a frame record: {error!r}") from error


class FrameLog:
    """Reads and writes the log of one opening."""

    def __init__(self, bus: Bus, opening: str, *, live: bool) -> None:
        self._bus, self.live = bus, live
        self.stream, self.subject = subjects.frames_stream(live=live), subjects.frames(opening, live=live)
        self._last = 0
        self._writer = secrets.token_hex(8)
        self._known: list[FrameRecord] = []

    async def resume(self) -> FrameRecord | None:
        """The last record; what is appended from here on must follow it directly."""
        stored = await self._bus.last(self.stream, self.subject)
        self._last = stored.seq if stored else 0
        return _record(stored) if stored else None

    async def append(self, kind: Kind, *, index: int, t: float, jpeg: bytes = b"", epoch: int = 0) -> int:
        """Write one record; its sequence.

        Raises `Conflict` when another reader wrote, `Overloaded` while the log is full, `BusTimeout` when
        unknown: then append the same again, and a record that had arrived is recognised.
        """
        headers = {
            _KIND: kind,
            _INDEX: str(index),
            _PTS: str(round(t * 1e6)),
            _EPOCH: str(epoch),
            _WRITER: self._writer,
        }
        try:
            self._last = await self._bus.append(self.subject, jpeg, headers=headers, expect_last=self._last)
        except Conflict:
            self._last = await self._settle(headers, jpeg)
        return self._last

    async def _settle(self, headers: Mapping[str, str], jpeg: bytes) -> int:
        """After a conflict: the sequence if the last record is this very one, its acknowledgement lost."""
        stored = await self._bus.last(self.stream, self.subject)
        if stored is None and self.live:
            # A live log forgets by age: nothing is left to be fenced by.
            return await self._bus.append(self.subject, jpeg, headers=headers, expect_last=0)
        if stored is None or any(stored.headers.get(key) != value for key, value in headers.items()):
            seq = stored.seq if stored else 0
            raise Conflict(
                f"{self.subject}: expected last sequence {self._last}, found {seq}: another reader wrote"
            )
        return stored.seq

    async def follow(self, start_seq: int | None = None) -> AsyncGenerator[FrameRecord, None]:
        """Every record from `start_seq` (default: the first) on, without gaps; never ends by itself."""
        feed = self._bus.follow(self.stream, self.subject, start_seq=start_seq)
        try:
            async for stored in feed:
                yield _record(stored)
        finally:
            await feed.aclose()

    async def index(self) -> list[FrameRecord]:
        """All records that were stored up to now, without bodies; those since purged stay in the list.

        Of a live log, which may go on for ever, those stay that the broker may still hold.
        """
        start = self._known[-1].seq + 1 if self._known else None
        feed = self._bus.follow(
            self.stream, self.subject, start_seq=start, headers_only=True, stop_at_end=True
        )
        try:
            async for stored in feed:
                self._known.append(_record(stored)._replace(jpeg=b""))
        finally:
            await feed.aclose()
        if self.live and self._known:
            self._forget_expired()
        return list(self._known)

    def _forget_expired(self) -> None:
        """Live logs lose their oldest records by age and by number."""
        bounds = self._bus.connection.settings
        oldest = self._known[-1].time - bounds.frames_live_max_age_s
        kept = self._known[-bounds.frames_max_per_stream :]
        start = next(place for place, record in enumerate(kept) if record.time >= oldest)
        self._known = kept[start:]

    async def fetch(self, seq: int) -> FrameRecord | None:
        """One record with its body; null when the log no longer holds it."""
        stored = await self._bus.get(self.stream, seq)
        return _record(stored) if stored and stored.subject == self.subject else None

    async def purge_below(self, seq: int) -> None:
        """Forget what is before `seq`; pass no more than the last sequence, or the fence would go too."""
        await self._bus.purge(self.stream, self.subject, below_seq=seq)

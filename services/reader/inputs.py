"""Frames of a live input (a camera, an RTSP address), which blocks and so has a thread of its own.

A source that is lost is opened again, with growing pauses, until it is back or was gone for too long. Stream time is
this host's clock: it goes on while the source is gone, and never runs ahead of the pictures that are there.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple, Protocol

from services.reader.decoding import Resume, unreadable
from shared.errors import VideoError
from shared.logs import get_logger
from shared.messages import Slow, VideoSpec
from shared.video import Frame, Waiting, frames
from shared.video.source import shown

__all__ = ["Backoff", "LiveFrames", "Told"]

_AHEAD_S = 0.25
"""A picture so far ahead of the clock was not taken then: the source sent a burst, or its clock jumped."""
_CLOSE = 0.5
"""Of the sampling interval: what comes sooner than that before it is due, as in such a burst, is one too many."""
_LOOK_S = 0.2


class Backoff(NamedTuple):
    """How a source that gives no pictures is tried again."""

    first_s: float = 0.5
    """The first pause, wall clock; each is twice the one before."""
    longest_s: float = 15.0
    limit_s: float = 300.0
    """Gone for so long, a source that gave pictures before is given up; 0: never."""
    tries: int = 3
    """A source that never gave any is given up after so many."""


class Told(Protocol):
    """Who hears, on the event loop, what happens to a live input."""

    def drop(self, t: float, reason: str) -> None:
        """A frame gave way."""
        ...

    def lost(self, t: float, why: str) -> None:
        """No more pictures since stream time `t`."""
        ...

    def resumed(self, t: float, gap_s: float, tries: int) -> None:
        """Pictures again, from stream time `t` on."""
        ...


class LiveFrames:
    """See `Frames`; a successor of a reader can't go back in time: `position` is the stream time at which it is now."""

    over: bool
    """Whether no more frames will come than those that wait."""

    def __init__(
        self,
        uri: str,
        spec: VideoSpec,
        *,
        resume: Resume,
        position: float | None,
        ahead: int,
        told: Told,
        slow: Slow = Slow.DROP_OLDEST,
        again: Backoff | None = None,
    ) -> None:
        self._uri, self._spec, self._told, self._slow = uri, spec, told, slow
        self._again = again
        self._index, self._last_t = resume.index, resume.t
        self._due_t = resume.t + 1 / spec.fps if resume.index >= 0 else 0.0
        self._zero = None if position is None else time.monotonic() - position
        self._line: Waiting[Frame] = Waiting(ahead, slow)
        self._head: Frame | None = None
        self._fresh, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self.over, self._stopped = False, threading.Event()
        self._error: VideoError | None = None
        self._lost_t: float | None = None
        self._tries = 0
        self.end_t = max(0.0, resume.t)
        # A daemon: a network that is silent must not hold up the end of the process.
        threading.Thread(target=self._read, name="live-input", daemon=True).start()

    async def peek(self) -> Frame | None:
        """See `Frames`."""
        while self._head is None:
            if len(self._line):
                self._head = self._line.take()
                break
            if self.over:
                break
            self._fresh.clear()
            await self._fresh.wait()
        if self._head is None and self._error is not None:
            raise self._error
        return self._head

    def pop(self) -> None:
        """See `Frames`."""
        self._head = None

    def more(self) -> bool:
        """See `Frames`."""
        return len(self._line) > 0

    async def close(self) -> None:
        """See `Frames`; the thread ends with its next packet or the input's timeout."""
        self._stopped.set()

    # What follows runs in the thread.

    def _read(self) -> None:
        error: VideoError | None = None
        while not self._stopped.is_set():
            error = self._play()
            if self._again is None or self._stopped.is_set():
                break
            why = str(error) if error else f"video {shown(self._uri)!r} gives no more pictures (it hung up)"
            if not self._may_try(self._again, why):
                error = VideoError(f"{why}; given up after {self._tries} tries")
                break
        self._call(self._end, error)

    def _play(self) -> VideoError | None:
        """Read one connection to its end; why it ended, if that is an error."""
        shift: float | None = None
        try:
            with closing(frames(self._uri, self._spec, stop=self._stopped.is_set)) as stream:
                for frame in stream:
                    shift = self._take(frame, shift)
        except VideoError as broken:
            return broken
        except Exception as error:
            log = get_logger()
            log.exception("decoder_failed", uri=shown(self._uri))
            return unreadable(self._uri, error)
        return None

    def _take(self, frame: Frame, shift: float | None) -> float:
        """Hand on a frame of a connection whose times lie `shift` before stream time; gives that shift."""
        if self._zero is None:
            self._zero = time.monotonic()
        now = time.monotonic() - self._zero
        if shift is None or frame.t + shift > now + _AHEAD_S:
            shift = now - frame.t
        t = round(frame.t + shift, 6)
        if t < self._due_t - _CLOSE / self._spec.fps:
            return shift
        if self._lost_t is not None:
            self._call(self._told.resumed, t, t - self._lost_t, self._tries)
            self._lost_t = None
        # From the later of both: a source that runs faster than the clock gives no more than was asked for.
        self._due_t = max(self._due_t, t) + 1 / self._spec.fps
        self._index, self._last_t, self._tries = self._index + 1, t, 0
        while self._slow is Slow.BLOCK and self._line.full and not self._stopped.wait(_LOOK_S):
            pass
        self._call(self._put, frame._replace(index=self._index, t=t))
        return shift

    def _may_try(self, again: Backoff, why: str) -> bool:
        """Pause after the end of a connection; whether to try once more."""
        if self._tries == 0:
            self._call(self._told.lost, max(0.0, self._last_t), why)
        self._tries += 1
        if self._index < 0:
            given_up = self._tries >= again.tries
        else:
            self._lost_t = self._last_t if self._lost_t is None else self._lost_t
            gone_s = time.monotonic() - (self._zero or 0.0) - self._lost_t
            given_up = 0 < again.limit_s < gone_s
        pause = min(again.longest_s, again.first_s * 2.0 ** min(self._tries - 1, 16))
        return not given_up and not self._stopped.wait(pause)

    def _call(self, what: Callable[..., None], *values: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, *values)

    # What follows runs on the event loop.

    def _put(self, frame: Frame) -> None:
        for gone in self._line.put(frame):
            self._told.drop(gone.t, "slow_log")
        self.end_t = frame.t
        self._fresh.set()

    def _end(self, error: VideoError | None) -> None:
        self._error, self.over = error, True
        self._fresh.set()

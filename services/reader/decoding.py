"""Frames of one source, decoded in threads and taken from the event loop.

`PooledFrames` decodes a few frames ahead, in short turns on a pool that all streams share, so a stream that
waits holds no thread. Live inputs, which block, are another matter: services/reader/inputs.py.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import Executor
from typing import NamedTuple, Protocol

from shared.errors import VideoError
from shared.logs import get_logger
from shared.messages import VideoSpec
from shared.telemetry import counter
from shared.video import Frame, FrameStream, frames
from shared.video.source import shown

__all__ = ["Frames", "PooledFrames", "Resume", "unreadable"]

_DECODE_S = counter(
    "reader_decode_seconds_total", "Seconds of thread time spent on decoding and encoding frames"
)
_TURN_S = 0.05
_HUNG_S = 30.0


class Resume(NamedTuple):
    """The last frame that is already in the log; the default is none."""

    index: int = -1  # type: ignore[assignment]  # the field's own name, although tuples have a method of it
    t: float = -1.0


class Frames(Protocol):
    """A source's frames for one consumer on the event loop."""

    end_t: float
    """Seconds of stream time that were decoded; final once `peek` gave None or raised."""

    async def peek(self) -> Frame | None:
        """The next frame, left in place; None at the end. Raises `VideoError` at the damage, each time."""
        ...

    def pop(self) -> None:
        """Take away the frame that `peek` gave."""
        ...

    def more(self) -> bool:
        """Whether a frame behind the next one is decoded already."""
        ...

    async def close(self) -> None:
        """Stop decoding; returns when no thread works on this source any more, or one hangs at it."""
        ...


def unreadable(uri: str, error: Exception) -> VideoError:
    """For what no decoder should raise: one source that does is told and ends, instead of being tried for ever."""
    return VideoError(f"video {shown(uri)!r} can't be read ({error!r}): encode it again, or report it")


class _Turn(NamedTuple):
    """What one turn on the pool brought."""

    frames: list[Frame]
    over: bool
    end_t: float
    error: VideoError | None = None


class PooledFrames:
    """Frames of a file, folder or synthetic stream."""

    def __init__(
        self, pool: Executor, uri: str, spec: VideoSpec, *, resume: Resume, ahead: int, live: bool
    ) -> None:
        self._pool, self._uri, self._spec, self._resume = pool, uri, spec, resume
        self._ahead, self._live_mode = ahead, live
        self._ready: deque[Frame] = deque()
        self._stream: FrameStream | None = None
        self._turn: asyncio.Future[_Turn] | None = None
        self._over = False
        self._error: VideoError | None = None
        self._stopped = False
        self.end_t = 0.0

    async def peek(self) -> Frame | None:
        """See `Frames`."""
        while not (self._ready or self._over or self._stopped):
            self._start_turn()
            if self._turn is not None:
                # Shielded: who waits may be cancelled, the thread may not.
                self._take(await asyncio.shield(self._turn))
        if self._ready:
            return self._ready[0]
        if self._error is not None:
            raise self._error
        return None

    def pop(self) -> None:
        """See `Frames`."""
        self._ready.popleft()
        if self._turn is not None and self._turn.done():
            self._take(self._turn.result())
        self._start_turn()

    def more(self) -> bool:
        """See `Frames`."""
        return len(self._ready) > 1

    async def close(self) -> None:
        """See `Frames`."""
        self._stopped = True
        if self._turn is not None:
            await asyncio.wait([self._turn], timeout=_HUNG_S)
            if not self._turn.done():
                get_logger().error("decoder_hangs", uri=shown(self._uri))
                return  # what it holds goes with the process
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await asyncio.get_running_loop().run_in_executor(self._pool, stream.close)

    def _start_turn(self) -> None:
        """Decode half of what may wait, as soon as there is room for it: the thread of a busy stream never idles."""
        size = max(1, self._ahead // 2)
        idle = self._turn is None and not self._over and not self._stopped
        if idle and (not self._ready or len(self._ready) + size <= self._ahead):
            self._turn = asyncio.get_running_loop().run_in_executor(self._pool, self._decode, size)

    def _take(self, turn: _Turn) -> None:
        self._turn = None
        self._ready.extend(turn.frames)
        self._over, self._error, self.end_t = turn.over, turn.error, turn.end_t
        self._start_turn()

    def _decode(self, room: int) -> _Turn:
        """One turn, in a thread: up to `room` frames, or as many as some hundredths of a second allow."""
        began = time.perf_counter()
        got: list[Frame] = []
        try:
            stream = self._opened()
            while len(got) < room and (not got or time.perf_counter() - began < _TURN_S):
                frame = next(stream, None)
                if frame is None:
                    return _Turn(got, True, stream.end_t)
                got.append(frame)
            return _Turn(got, False, stream.end_t)
        except VideoError as error:
            return _Turn(got, True, self._stream.end_t if self._stream else 0.0, error)
        except Exception as error:
            log = get_logger()
            log.exception("decoder_failed", uri=shown(self._uri))
            return _Turn(got, True, self._stream.end_t if self._stream else 0.0, unreadable(self._uri, error))
        finally:
            _DECODE_S.inc(time.perf_counter() - began)

    def _opened(self) -> FrameStream:
        if self._stream is None:
            self._stream = frames(
                self._uri,
                self._spec,
                after=self._resume.index,
                after_t=self._resume.t,
                stop=lambda: self._stopped,
            )
            if self._stream.info.live and not self._live_mode:
                self._stream.close()
                raise VideoError(f"video {shown(self._uri)!r} is a live input: play it with mode: live")
        return self._stream

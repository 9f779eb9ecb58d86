"""Live progress of a run: every stream that plays, the totals, rates and the time that is left.

On a terminal it is drawn in place; elsewhere it is one line every few seconds. Its methods are cheap, may
be called from any thread, and never raise into the run.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

__all__ = ["Progress"]

_LINE_S = 5.0
_SHOWN = 12


@dataclass
class _Stream:
    name: str
    owed: int
    duration_s: float | None
    began: float
    t: float = 0.0
    finals: int = 0
    notice: str = ""


@dataclass
class _Totals:
    finals: int = 0
    failed: int = 0
    streams: int = 0
    began: float = field(default_factory=time.monotonic)


class Progress:
    """A context manager that shows how a run goes.

    `begin` a stream, tell its stream time by `advance` and each final by `answered`, `end` it. It counts
    answers: `owed` in all, of which `done` were there before (a resumed run).
    """

    def __init__(
        self,
        *,
        owed: int,
        streams: int,
        done: int = 0,
        file: IO[str] | None = None,
        every_s: float = _LINE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file or sys.stderr
        self._owed, self._all_streams, self._done = owed, streams, done
        self._every, self._clock = every_s, clock
        self._lock = threading.Lock()
        self._streams: dict[str, _Stream] = {}
        self._totals = _Totals(began=clock())
        self._said = clock()
        self._live: Live | None = None
        if self._file.isatty():
            self._live = Live(
                console=Console(file=self._file), get_renderable=self._draw, refresh_per_second=4
            )

    def begin(self, opening: str, name: str, *, owed: int, duration_s: float | None = None) -> None:
        """A stream begins to play; `name` is for people, `duration_s` stream time."""
        with self._lock:
            self._streams[opening] = _Stream(name, owed, duration_s, self._clock())
        self._tell()

    def advance(self, opening: str, t: float) -> None:
        """A stream has reached stream time `t`."""
        with self._lock:
            if (stream := self._streams.get(opening)) is not None:
                stream.t = max(stream.t, t)
        self._tell()

    def answered(self, opening: str, *, failed: bool = False) -> None:
        """A final was recorded; `failed` when it is a timeout, an error or a refusal."""
        with self._lock:
            self._totals.finals += 1
            self._totals.failed += failed
            if (stream := self._streams.get(opening)) is not None:
                stream.finals += 1
        self._tell()

    def notice(self, opening: str, text: str) -> None:
        """Something worth a word: what a stream waits for. Empty takes it back."""
        with self._lock:
            if (stream := self._streams.get(opening)) is not None:
                stream.notice = text

    def end(self, opening: str) -> None:
        """A stream is over."""
        with self._lock:
            if self._streams.pop(opening, None) is not None:
                self._totals.streams += 1
        self._tell()

    def line(self) -> str:
        """How it goes, in one line."""
        with self._lock:
            totals, playing = self._totals, len(self._streams)
        spent = max(1e-9, self._clock() - totals.began)
        rate = totals.finals / spent
        left = self._owed - self._done - totals.finals
        eta = f", {_clock(left / rate)} left" if rate > 0 and left > 0 else ""
        failed = f", {totals.failed} failed" if totals.failed else ""
        before = self._done + totals.finals
        streams = f"{totals.streams}/{self._all_streams} streams, {playing} playing"
        speed = f"{rate:.1f} answers/s, {_clock(spent)} spent{eta}"
        return f"{before}/{self._owed} answers{failed}, {streams}, {speed}"

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        else:
            self._say()

    def _tell(self) -> None:
        if self._live is None and self._clock() - self._said >= self._every:
            self._say()

    def _say(self) -> None:
        self._said = self._clock()
        print(self.line(), file=self._file, flush=True)

    def _draw(self) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        with self._lock:
            streams = list(self._streams.values())
            finals = self._totals.finals
        for stream in streams[:_SHOWN]:
            grid.add_row(*self._stream(stream))
        if len(streams) > _SHOWN:
            grid.add_row(f"… and {len(streams) - _SHOWN} more")
        bar = ProgressBar(total=max(1, self._owed), completed=self._done + finals, width=40)
        return Group(grid, bar, Text(self.line()))

    def _stream(self, stream: _Stream) -> tuple[RenderableType, ...]:
        spent = max(1e-9, self._clock() - stream.began)
        bar = ProgressBar(total=max(1, stream.owed), completed=stream.finals, width=16)
        length = f" of {stream.duration_s:.0f}" if stream.duration_s else ""
        speed = f"{stream.t / spent:.1f}×"
        return (
            stream.name,
            bar,
            f"{stream.finals}/{stream.owed}",
            f"{stream.t:.1f}{length} s",
            speed,
            stream.notice,
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

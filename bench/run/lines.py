"""Records as scoring reads them: one light value a line of `records.jsonl`, without the evidence.

A run may have a million records. Lines are decoded one at a time, straight into the few fields that scores
need; what stands beside them is skipped unread. The whole record is `bench.run.records.Record`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from shared.errors import DataError

__all__ = ["ScoredLine", "SeenLine", "UsageLine", "counted_lines", "scored_lines", "whole_lines"]


class UsageLine(msgspec.Struct, frozen=True, gc=False):
    """What one answer cost, and what was kept for it; fields as in `Usage`."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    frames_encoded: int = 0
    frames_reused: int = 0
    frames_reencoded: int = 0
    reused_tokens: int = 0
    saved_s: float = 0.0
    cache_bytes: int = 0


class ScoredLine(msgspec.Struct, frozen=True, gc=False):
    """What scores need of a final or an emission; fields as in `Record`."""

    play: int
    attempt: int
    sample: str
    turn: int
    probe: int
    form: str
    path: Literal["s1", "s2"]
    status: Literal["ok", "timeout", "error", "refused"]
    t_ask: float
    mode: Literal["capacity", "live", "offline"]
    kind: Literal["final", "emission"] = "final"
    tick: int | None = None
    t_emit: float | None = None
    """Stream time of the answer; of an emission in capacity and offline mode: its tick's time."""
    raw: str = ""
    choice: str | None = None
    speak: bool | None = None
    confidence: float | None = None
    error: str = ""
    route: str = ""
    route_score: float | None = None
    routed: tuple[str, ...] = ()
    """Every path that the policy named for the question."""
    route_fallback: bool = False
    latency_s: float | None = None
    wait_s: float | None = None
    stages: dict[str, float] = {}
    """Wall-clock seconds by stage; stages that took none are left out."""
    usage: UsageLine = UsageLine()


class _Kept(msgspec.Struct, frozen=True, gc=False):
    seen_to_s: float | None = None


class SeenLine(ScoredLine, frozen=True, gc=False):
    """The same, with what was in view."""

    frames_ts: tuple[float, ...] = ()
    compact: _Kept | None = None

    @property
    def seen_to_s(self) -> float | None:
        """Stream time of the newest frame in the prompt; null where there was none."""
        return self.compact.seen_to_s if self.compact else max(self.frames_ts, default=None)


_Line = TypeVar("_Line", bound=ScoredLine)


class _Turn(msgspec.Struct, frozen=True, gc=False):
    play: int
    attempt: int


def whole_lines(path: Path) -> Iterator[bytes]:
    """Lines that count: the bytes behind the last newline are a write that was cut short."""
    if not path.exists():
        return
    with path.open("rb", buffering=1 << 20) as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def scored_lines(path: Path) -> Iterator[ScoredLine]:
    """Every record of a file, superseded ones too, in its order; raises `DataError` that names the line."""
    return _lines(path, ScoredLine)


def _lines(path: Path, kind: type[_Line]) -> Iterator[_Line]:
    decode = msgspec.json.Decoder(kind).decode
    for number, line in enumerate(whole_lines(path), 1):
        try:
            yield decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _fault(path, number, error) from error


def counted_lines(path: Path, kind: type[_Line]) -> Iterator[_Line]:
    """The records that count, of each play those of its highest attempt, as `kind`; the file is read twice.

    Memory grows with the number of plays only. Raises `DataError` that names the line.
    """
    highest: dict[int, int] = {}
    decode = msgspec.json.Decoder(_Turn).decode
    for number, line in enumerate(whole_lines(path), 1):
        try:
            turn = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _fault(path, number, error) from error
        if turn.attempt > highest.get(turn.play, 0):
            highest[turn.play] = turn.attempt
    for record in _lines(path, kind):
        if record.attempt == highest[record.play]:
            yield record


def _fault(path: Path, number: int, error: Exception) -> DataError:
    text = " ".join(str(error).split())[:200]
    return DataError(f"{path}:{number}: {text}; remove the line, then go on with `dsb run --resume`")

"""Many live streams at once: opened one after another, asked about their present, told of in figures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load.footage import footage
from bench.load.livestream import Heard, LiveStream
from bench.overhead import percentile
from shared.bus import Bus
from shared.messages import Mode, NoteSpec, Profile, VideoSpec
from shared.tasks import end_tasks

__all__ = ["Crowd", "Crowded", "crowded", "figures", "spread"]

_DISTINCT = 8
"""Videos made for a crowd, at most: streams share them."""
_OPENING_S = 2.0
"""Of stream time, set aside for opening one more stream."""


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What is played and asked."""

    fps: float = 2.0
    """Frames a second of each stream."""
    ask_every_s: float = 5.0
    """Of one stream, about."""
    s2_every: int = 0
    """Every so-manieth question goes to S2; 0: none."""
    notes: bool = True
    """Whether S1 writes to memory."""

    def profile(self) -> Profile:
        """What workers are told."""
        return Profile(mode=Mode.LIVE, video=VideoSpec(fps=self.fps), notes=NoteSpec(enabled=self.notes))


class Crowded:
    """Streams that are open and admitted."""

    def __init__(self, streams: Sequence[LiveStream], refusal: str) -> None:
        self.streams, self.refusal = streams, refusal
        """What S1 said of the first stream that it did not take; else empty."""
        self._dropped_before = 0

    @property
    def dropped(self) -> int:
        """Frames given up since `listening` began."""
        return sum(stream.dropped for stream in self.streams) - self._dropped_before

    @property
    def heard(self) -> list[Heard]:
        """Of each stream, since `listening` began."""
        return [stream.heard for stream in self.streams]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Callable[[], None]]:
        """Ask for as long as the context lasts; it yields a check that raises what ended the asking of a stream.

        Questions that are under way at its end are waited for: the slowest answers count as much as the others.
        """
        self._dropped_before += self.dropped
        for stream in self.streams:
            stream.heard = Heard()
        over = asyncio.Event()
        asking = [asyncio.create_task(stream.follow(over)) for stream in self.streams]

        def check() -> None:
            for task in asking:
                if task.done():
                    task.result()

        try:
            yield check
            over.set()
            await asyncio.gather(*asking)
        finally:
            await end_tasks(asking)

    async def lags(self) -> list[float]:
        """Of all frames that the logs hold: by how much the reader published them late, seconds."""
        found: list[float] = []
        for stream in self.streams:
            found += await stream.lags()
        return found


@asynccontextmanager
async def crowded(
    bus: Bus, folder: Path, crowd: Crowd, *, wanted: int, seconds: float, insist: bool = False
) -> AsyncIterator[Crowded]:
    """Up to `wanted` streams, less what S1 refuses, that go on for `seconds` of wall clock once all are open.

    With `insist` all of them are tried, else none after the first that is refused.
    """
    # Whole minutes, so that trials of nearly one length share their videos.
    duration_s = 60.0 * math.ceil((seconds + 30 + _OPENING_S * wanted) / 60)
    file_fps = max(4, round(crowd.fps))
    films = [
        await asyncio.to_thread(footage, folder, number, duration_s=duration_s, fps=file_fps)
        for number in range(min(wanted, _DISTINCT))
    ]
    profile, streams, refusal = crowd.profile(), list[LiveStream](), ""
    async with AsyncExitStack() as within:
        for _ in range(wanted):
            film = films[len(streams) % len(films)]
            stream = LiveStream(bus, film, profile, ask_every_s=crowd.ask_every_s, s2_every=crowd.s2_every)
            alone = AsyncExitStack()
            await alone.enter_async_context(stream.session.running())
            why = await stream.admitted()
            if not why:
                within.push_async_exit(alone)
                streams.append(stream)
                continue
            refusal = refusal or why
            await alone.aclose()
            if not insist:
                break
        yield Crowded(streams, refusal)


def spread(name: str, values: Sequence[float]) -> dict[str, float | None]:
    """Median and 95th percentile, seconds; null where there are fewer than two values."""
    enough = len(values) > 1
    return {
        f"{name}_p{percent}_s": round(percentile(list(values), percent), 4) if enough else None
        for percent in (50, 95)
    }


def figures(heard: Sequence[Heard]) -> dict[str, Any]:
    """Questions, accuracy, ages and latencies of all streams together."""
    asked = sum(one.asked for one in heard)
    failed = [why for one in heard for why in one.failed]
    found: dict[str, Any] = {
        "asked": asked,
        "failed": len(failed),
        "first_failure": failed[0] if failed else "",
        "accuracy": round(sum(one.right for one in heard) / max(1, asked), 4),
    }
    for name in ("ages", "stales", "latencies", "slow"):
        found |= spread(name, [value for one in heard for value in getattr(one, name)])
    return found

"""Which streams were added, and how they stand: read from the event log, their readers and the S1 workers.

A stream is a run of its own, `live-<name>`, with one opening; it is there from its `opened` event to its `closed` one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from shared import subjects
from shared.bus import Bus, ServiceInfo, discover
from shared.errors import BusTimeout, ConfigError, DataError, NoResponders
from shared.logs import get_logger
from shared.messages import Event, EventKind, Look, Open, StreamStatus
from shared.video.source import shown

__all__ = ["Known", "View", "events_of", "find", "known", "name_of", "prefix", "status_of", "views"]

prefix = "live-"
_STATUS_S = 2.0


class Known(NamedTuple):
    """A stream that was added and not yet taken away."""

    name: str
    opened: Open
    since: float
    """When a reader last took it: the broker's clock, unix seconds."""


class View(NamedTuple):
    """How a stream stands."""

    stream: Known
    status: StreamStatus | None
    """What its reader says; null while it has none."""
    owner: str
    """The S1 worker that owns it; empty while none does."""
    dropped: dict[str, int]
    """Frames that gave way, at the reader and at the owner, by reason."""

    @property
    def state(self) -> str:
        """In one word or two."""
        return self.status.state if self.status else "no reader"

    def plain(self) -> dict[str, Any]:
        """As JSON holds it; without the password of the address."""
        opened, status = self.stream.opened, self.status
        return {
            "name": self.stream.name,
            "opening": opened.opening,
            "source": shown(opened.uri),
            "state": self.state,
            "why": status.text if status else "",
            "fps": opened.profile.video.fps,
            "policy": opened.profile.slow.value,
            "reader": status.reader if status else "",
            "owner": self.owner,
            "age_s": round(status.age_s, 1) if status else None,
            "t": round(status.t, 3) if status and status.t is not None else None,
            "frames": status.report.frames if status else None,
            "dropped": self.dropped,
            "reconnects": status.report.reconnects if status else None,
            "gap_s": status.report.gap_s if status else None,
        }


def name_of(run: str) -> str:
    """The name of the stream that a run is."""
    return run.removeprefix(prefix)


async def events_of(bus: Bus, opening: str, kind: str) -> list[tuple[float, Event]]:
    """Events so far, each with the broker's time; of `*` openings the newest of each. What can't be read is told."""
    every = opening == "*"
    follow = bus.follow(
        subjects.EVENTS, subjects.event(opening, kind), last_per_subject=every, stop_at_end=True
    )
    found = []
    async with aclosing(follow) as stored:
        async for message in stored:
            try:
                found.append((message.time, Event.from_bytes(message.body)))
            except DataError as error:
                get_logger().error("event_unreadable", subject=message.subject, error=str(error)[:200])
    return found


async def known(bus: Bus) -> list[Known]:
    """Every stream that is there, by name."""
    opened = await events_of(bus, "*", EventKind.OPENED)
    closed = {event.opening for _, event in await events_of(bus, "*", EventKind.CLOSED)}
    found = [
        Known(name_of(event.open.run), event.open, time)
        for time, event in opened
        if event.open is not None and event.open.kept and event.opening not in closed
    ]
    return sorted(found, key=lambda stream: stream.name)


async def find(bus: Bus, name: str) -> Known:
    """The stream of that name; raises `ConfigError`."""
    streams = await known(bus)
    for stream in streams:
        if name in (stream.name, stream.opened.opening):
            return stream
    there = ", ".join(stream.name for stream in streams) or "none: add one by `dsb stream add URL`"
    raise ConfigError(f"no stream {name!r}; there are: {there}")


async def status_of(bus: Bus, opening: str) -> StreamStatus | None:
    """What its reader says; null while it has none."""
    try:
        subject = subjects.reader_ctl(f"status.{opening}")
        return await bus.request(subject, Look(opening=opening), StreamStatus, timeout=_STATUS_S)
    except (NoResponders, BusTimeout):
        return None


async def views(bus: Bus, *, wait_s: float = 0.5) -> list[View]:
    """How every stream stands; waits `wait_s` wall-clock seconds for S1 workers to tell."""
    streams = await known(bus)
    workers, *statuses = await asyncio.gather(
        discover(bus, wait_s=wait_s), *(status_of(bus, stream.opened.opening) for stream in streams)
    )
    return [_view(stream, status, workers) for stream, status in zip(streams, statuses, strict=True)]


def _view(stream: Known, status: StreamStatus | None, workers: Sequence[ServiceInfo]) -> View:
    opening, owner = stream.opened.opening, ""
    dropped = dict(status.report.dropped) if status else {}
    for worker in workers:
        if opening in worker.stats.get("owned", ()):
            owner = worker.name
            for reason, count in worker.stats.get("dropped", {}).get(opening, {}).items():
                dropped[reason] = dropped.get(reason, 0) + count
    return View(stream, status, owner, dropped)

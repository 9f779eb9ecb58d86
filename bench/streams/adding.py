"""Adding a stream to a running stack, whole or not at all, and taking it away.

A stream is admitted once a reader has a slot, an S1 worker owns it and its first picture is there. What is refused is
closed at once, so that nothing half-open stays behind.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Literal, NamedTuple

from bench.run.session import close_opening
from bench.streams.known import Known, events_of, known, prefix, status_of
from shared import subjects
from shared.bus import Bus, ServiceInfo, discover
from shared.errors import BusTimeout, ConfigError, DsbError, NoResponders, Overloaded, VideoError
from shared.messages import Event, EventKind, Open, OpenReply, Profile, StreamReport
from shared.tasks import end_tasks
from shared.video.source import shown

__all__ = ["End", "add", "remove"]

_OWNER_S = 2.0
"""An owner is found at once; without one for so long, S1 is looked at."""
_SURE = 2
"""So often in a row must S1 be found away or full: a worker that is busy may not tell of itself in time."""
_RETRY_S, _TRIES = 0.3, 10
_LET_GO_S = 8.0


class End(NamedTuple):
    """What became of a stream, over all its readers and owners."""

    read: StreamReport
    seen: StreamReport
    whole: bool
    """Whether its reader and its owner have both told by now."""


async def add(bus: Bus, uri: str, *, name: str, profile: Profile, wait_s: float) -> Known:
    """Admit a stream; raises `Overloaded`, `VideoError` or `ConfigError`, and then nothing of it is left.

    Waits up to `wait_s` wall-clock seconds for the first picture.
    """
    if there := await _namesakes(bus, name):
        raise _there_is(there[0])
    opening = subjects.opening_id(f"{prefix}{name}", time.time_ns() // 1_000_000, 0)
    opened = Open(opening=opening, run=f"{prefix}{name}", uri=uri, profile=profile, kept=True)
    try:
        await _take(bus, opened)
        await _admitted(bus, opened, wait_s)
        await _require_first(bus, name, opening)
    except BaseException:
        await close_opening(bus, opening)
        raise
    return Known(name, opened, time.time())


async def _namesakes(bus: Bus, name: str) -> list[Known]:
    return [stream for stream in await known(bus) if stream.name == name]


def _there_is(stream: Known) -> ConfigError:
    return ConfigError(
        f"there is a stream {stream.name!r} ({shown(stream.opened.uri)}): choose another --id, or take it away"
        f" by `dsb stream rm {stream.name}`"
    )


async def _require_first(bus: Bus, name: str, opening: str) -> None:
    """Give way to one of the same name that was added at the same time: that which was opened first stays.

    By the broker's order, not by the names of the openings: what was opened before ours is in the log by now, and who
    was opened later will find ours there.
    """
    ours = await _first_opened(bus, opening)
    for other in await _namesakes(bus, name):
        if await _first_opened(bus, other.opened.opening) < ours:
            raise _there_is(other)


async def _first_opened(bus: Bus, opening: str) -> tuple[float, str]:
    """When it was opened for the first time, the broker's clock; a reader that takes over opens it again."""
    return min(time for time, _ in await events_of(bus, opening, EventKind.OPENED)), opening


async def _take(bus: Bus, opened: Open) -> None:
    for _ in range(_TRIES):
        try:
            reply = await bus.request(subjects.reader_ctl("open"), opened, OpenReply)
        except NoResponders:
            raise await _no_reader(bus) from None
        except BusTimeout as error:
            raise Overloaded(f"no reader answered in time ({error}): look at `dsb ps`") from error
        if reply.accepted:
            return
        await asyncio.sleep(_RETRY_S)  # two asked at once for the last slot, or a reader is just stopping
    raise await _no_reader(bus)


async def _no_reader(bus: Bus) -> DsbError:
    readers = [info for info in await discover(bus) if info.service == "reader"]
    if not readers:
        return Overloaded("no reader runs: start one (`dsb up`, `dsb serve reader`)")
    return Overloaded(
        f"every reader is full: {_used(readers, 'playing')}; take a stream away (`dsb stream rm`), add readers"
        " (--scale reader=2), or raise DSB_SLOTS of the readers"
    )


def _used(workers: list[ServiceInfo], key: str) -> str:
    slots = sum(int(info.stats.get("slots", 0)) for info in workers)
    used = sum(len(info.stats.get(key, ())) for info in workers)
    return f"{used} of {slots} slots in {len(workers)} process{'es' if len(workers) > 1 else ''} are taken"


async def _admitted(bus: Bus, opened: Open, wait_s: float) -> None:
    """Return when it plays and is owned; raises what hinders it."""
    owned = asyncio.create_task(_owned(bus, opened.opening))
    started = asyncio.create_task(_started(bus, opened))
    both = {owned, started}
    try:
        done, pending = await asyncio.wait(both, timeout=wait_s, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        if not pending:
            return
        if started in done:
            raise Overloaded(
                f"no S1 worker took the stream within {wait_s:g} s although slots are free: does a router run? Look at"
                " `dsb ps`"
            )
        status = await status_of(bus, opened.opening)
        why = (
            status.text
            if status and status.text
            else f"its reader says: {status.state if status else 'nothing'}"
        )
        raise VideoError(f"no picture of {shown(opened.uri)!r} within {wait_s:g} s ({why})")
    finally:
        await end_tasks(both)
        for task in both:
            if not task.cancelled():
                task.exception()  # of two that failed, one is told


async def _started(bus: Bus, opened: Open) -> None:
    subject = subjects.event(opened.opening, "*")
    async with aclosing(bus.follow(subjects.EVENTS, subject)) as stored:
        async for message in stored:
            event = Event.from_bytes(message.body)
            if event.kind is EventKind.STARTED:
                return
            if event.kind is EventKind.ERROR:
                raise VideoError(event.text)
            if event.kind in (EventKind.EOS, EventKind.CLOSED):
                raise VideoError(f"video {shown(opened.uri)!r} ended before its first picture")


async def _owned(bus: Bus, opening: str) -> None:
    deadline, found = time.monotonic() + _OWNER_S, 0
    while not await events_of(bus, opening, EventKind.OWNER):
        if time.monotonic() > deadline:
            why = _no_owner([info for info in await discover(bus) if info.service == "s1"])
            found = found + 1 if why else 0
            if why and found == _SURE:
                raise Overloaded(why)
        await asyncio.sleep(0.1)


def _no_owner(owners: list[ServiceInfo]) -> str:
    """Why none of these takes a stream; empty if one may."""
    if not owners:
        return "no S1 worker runs: start one (`dsb up`, `dsb serve s1`)"
    if all(len(info.stats.get("owned", ())) >= int(info.stats.get("slots", 0)) for info in owners):
        return (
            f"S1 is full: {_used(owners, 'owned')}; take a stream away (`dsb stream rm`), add workers"
            " (--scale s1=2), or raise DSB_SLOTS of S1"
        )
    return ""


async def remove(bus: Bus, stream: Known) -> End:
    """Close a stream; waits some seconds until its reader and its owner have told what became of it."""
    opening = stream.opened.opening
    reading = await status_of(bus, opening) is not None
    owning = any(opening in info.stats.get("owned", ()) for info in await discover(bus, wait_s=0.3))
    before = len(await events_of(bus, opening, EventKind.REPORT))
    await close_opening(bus, opening)
    deadline = time.monotonic() + _LET_GO_S
    while True:
        told = [event for _, event in await events_of(bus, opening, EventKind.REPORT)]
        whole = len(told) - before >= reading + owning
        if whole or time.monotonic() > deadline:
            return _end(told, whole)
        await asyncio.sleep(0.1)


def _end(told: list[Event], whole: bool) -> End:
    return End(_sum(told, "reader"), _sum(told, "s1"), whole)


def _sum(told: list[Event], service: Literal["reader", "s1"]) -> StreamReport:
    reports = [event.report for event in told if event.report is not None and event.report.service == service]
    dropped: dict[str, int] = {}
    for report in reports:
        for reason, count in report.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    return StreamReport(
        service=service,
        frames=sum(report.frames for report in reports),
        dropped=dropped,
        reconnects=sum(report.reconnects for report in reports),
        gap_s=sum(report.gap_s for report in reports),
    )

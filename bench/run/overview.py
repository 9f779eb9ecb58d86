"""What runs at a broker: services with their slots, who holds which stream, and how much work waits."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared import subjects
from shared.bus import Bus, LeaseInfo, QueueDepth, ServiceInfo, discover

__all__ = ["Overview", "StreamHolders", "Worker", "overview"]

_USED = {"reader": "playing", "s1": "owned", "s2": "busy"}
"""Under which name each service tells how much of its slots is used."""


class Worker(NamedTuple):
    """One running process."""

    service: str
    name: str
    version: str
    used: int | None
    """Slots in use; null for a service without slots."""
    slots: int | None
    about: dict[str, Any]
    """All else that it tells of itself."""


class StreamHolders(NamedTuple):
    """Who holds a stream; empty names and epoch 0 where nobody does."""

    opening: str
    reader: str
    reader_epoch: int
    owner: str
    owner_epoch: int


class Overview(NamedTuple):
    """All of it, at about one time."""

    workers: list[Worker]
    streams: list[StreamHolders]
    queue: QueueDepth
    dead_letters: int

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "workers": [worker._asdict() for worker in self.workers],
            "streams": [stream._asdict() for stream in self.streams],
            "queue": self.queue._asdict(),
            "dead_letters": self.dead_letters,
        }


async def overview(bus: Bus, *, wait_s: float) -> Overview:
    """Ask the broker and every service that answers within `wait_s` seconds of wall clock."""
    found = await discover(bus, wait_s=wait_s)
    return Overview(
        [_worker(info) for info in found],
        await _streams(bus),
        await bus.queue_depth(),
        await bus.count(subjects.DLQ),
    )


def _worker(info: ServiceInfo) -> Worker:
    about = {**info.metadata, **info.stats}
    about.pop("worker", None)
    version = str(about.pop("release", info.version))
    slots = about.pop("slots", None)
    used = about.pop(_USED.get(info.service, ""), None)
    if isinstance(used, list):
        used = len(used)
    return Worker(info.service, info.name, version, used, None if slots is None else int(slots), about)


async def _streams(bus: Bus) -> list[StreamHolders]:
    held = [await bus.leases(bucket) for bucket in (subjects.READER_BUCKET, subjects.OWNER_BUCKET)]
    readers, owners = ({change.key: change.info for change in changes if change.info} for changes in held)
    return [
        StreamHolders(opening, *_holder(readers.get(opening)), *_holder(owners.get(opening)))
        for opening in sorted({*readers, *owners})
    ]


def _holder(info: LeaseInfo | None) -> tuple[str, int]:
    return (info.holder, info.epoch) if info else ("", 0)

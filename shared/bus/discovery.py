"""Who is there: the NATS micro protocol (`$SRV.PING`, `INFO`, `STATS`), as `nats micro ls` reads it too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any, NamedTuple

import nats.errors
from nats.aio.msg import Msg

from shared.bus import core
from shared.bus.connection import Connection

if TYPE_CHECKING:
    from shared.bus.bus import Bus

__all__ = ["ServiceInfo", "announce", "discover"]

_TYPE = "io.nats.micro.v1"


class ServiceInfo(NamedTuple):
    """One running service, as it tells of itself."""

    service: str
    id: str
    name: str
    """The worker's name."""
    version: str
    metadata: Mapping[str, str]
    stats: Mapping[str, Any]


def _release() -> str:
    """The project's version; empty in a plain source tree."""
    try:
        return installed("dualstreambench")
    except PackageNotFoundError:
        return ""


async def announce(
    conn: Connection,
    service: str,
    *,
    version: str,
    metadata: Mapping[str, str],
    stats: Callable[[], dict[str, Any]],
) -> None:
    """Answer discovery until the connection ends; `stats` is called at every question."""
    about = {**metadata, "release": _release()}
    me = {"name": service, "id": secrets.token_hex(8), "version": version, "metadata": about}
    started = datetime.now(UTC).isoformat()

    def answer(verb: str) -> dict[str, Any]:
        if verb == "INFO":
            return {"type": f"{_TYPE}.info_response", "description": "", "endpoints": [], **me}
        if verb == "STATS":
            endpoint = {"name": service, "subject": "", "num_requests": 0, "num_errors": 0, "data": stats()}
            return {"type": f"{_TYPE}.stats_response", "started": started, "endpoints": [endpoint], **me}
        return {"type": f"{_TYPE}.ping_response", **me}

    async def receive(msg: Msg) -> None:
        if core.refused(msg):
            return
        body = json.dumps(answer(msg.subject.split(".")[1])).encode()
        with contextlib.suppress(nats.errors.Error):
            await conn.nc.publish(msg.reply, body)

    for verb in ("PING", "INFO", "STATS"):
        for tail in ("", f".{service}", f".{service}.{me['id']}"):
            await core.subscribe(conn, f"$SRV.{verb}{tail}", receive)


async def discover(bus: Bus, *, wait_s: float = 0.5) -> list[ServiceInfo]:
    """Every service that answers within `wait_s` seconds of wall clock, by service and worker."""
    conn = bus.connection
    found: list[ServiceInfo] = []

    async def receive(msg: Msg) -> None:
        with contextlib.suppress(ValueError, KeyError):
            body = json.loads(msg.data)
            metadata = body.get("metadata") or {}
            endpoints = body.get("endpoints") or [{}]
            found.append(
                ServiceInfo(
                    body["name"],
                    body["id"],
                    metadata.get("worker", body["id"]),
                    body["version"],
                    metadata,
                    endpoints[0].get("data") or {},
                )
            )

    inbox = conn.nc.new_inbox()
    sub = await core.subscribe(conn, inbox, receive)
    try:
        await conn.publish("$SRV.STATS", b"", reply=inbox)
        await asyncio.sleep(wait_s)
    finally:
        with contextlib.suppress(nats.errors.Error, OSError):
            await sub.unsubscribe()
    return sorted(found, key=lambda one: (one.service, one.name, one.id))

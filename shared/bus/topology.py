"""The streams, the work queue's consumer and the buckets (docs/protocol.md), made by `dsb init` and by
nobody else.

Idempotent: what is missing is added, what differs is updated.
"""

from __future__ import annotations

from typing import Any

from shared import subjects
from shared.bus.connection import Connection
from shared.bus.jetstream import failure
from shared.bus.kv import MARKER_S
from shared.bus.queue import CONSUMER
from shared.errors import TransportError
from shared.logs import get_logger
from shared.settings import BusSettings

__all__ = ["init_topology", "streams"]

_NS = 1_000_000_000
_DAY_S = 86_400
_EXISTS = {10058, 10065}
_TOO_FEW_SERVERS = {10005, 10074}
"""No suitable peers; more than one replica without a cluster."""


def _stream(
    name: str, subject: str, *, max_age_s: float = 0, window_s: float = 120, **more: Any
) -> dict[str, Any]:
    if max_age_s:
        window_s = min(window_s, max_age_s)
    return {
        "name": name,
        "subjects": [subject],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_age": int(max_age_s * _NS),
        "duplicate_window": int(window_s * _NS),
        "allow_direct": True,
    } | more


def _bucket(name: str, ttl_s: float) -> dict[str, Any]:
    return _stream(
        f"KV_{name}",
        f"$KV.{name}.>",
        max_age_s=ttl_s,
        discard="new",
        max_msgs_per_subject=1,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        deny_delete=True,
        subject_delete_marker_ttl=MARKER_S * _NS,
    )


def streams(settings: BusSettings) -> list[dict[str, Any]]:
    """Every stream's configuration, as the JetStream API takes it."""
    bound = {"max_bytes": settings.frames_max_bytes, "max_msgs_per_subject": settings.frames_max_per_stream}
    made = [
        _stream(
            subjects.FRAMES_LIVE,
            subjects.frames("*", live=True),
            max_age_s=settings.frames_live_max_age_s,
            **bound,
        ),
        _stream(
            subjects.FRAMES_CAP,
            subjects.frames("*", live=False),
            discard="new",
            discard_new_per_subject=True,
            **bound,
        ),
        _stream(subjects.EVENTS, subjects.EVENT_ALL, max_age_s=_DAY_S),
        _stream(
            subjects.S2_JOBS,
            subjects.S2_JOB_ALL,
            retention="workqueue",
            # The bench asks again until it has an answer: within this time that never makes a second job of a long one.
            window_s=900,
            discard="new",
            max_msgs=settings.jobs_max,
        ),
        _stream(subjects.ANSWERS, "dsb.v1.answer.>", max_age_s=settings.answers_max_age_s),
        _stream(subjects.DLQ, subjects.dlq("*"), max_age_s=30 * _DAY_S, max_bytes=64_000_000),
        _bucket(subjects.OWNER_BUCKET, settings.lease_ttl_s),
        _bucket(subjects.READER_BUCKET, settings.lease_ttl_s),
        _bucket(subjects.STANDING_BUCKET, settings.asks_max_age_s),
    ]
    return [config | {"num_replicas": settings.stream_replicas} for config in made]


def _consumer(settings: BusSettings) -> dict[str, Any]:
    return {
        "name": CONSUMER,
        "durable_name": CONSUMER,
        "filter_subject": subjects.S2_JOB_ALL,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": int(settings.job_ack_wait_s * _NS),
        # Bounded by the worker: what runs "on the last delivery" never runs when a job kills its worker.
        "max_deliver": -1,
        "max_ack_pending": settings.jobs_max,
        "max_waiting": 512,
        "replay_policy": "instant",
    }


async def init_topology(settings: BusSettings) -> None:
    """Make or update everything; raises `TransportError` that names what the broker refused."""
    conn = Connection(settings, name="dsb-init")
    await conn.open()
    try:
        for config in streams(settings):
            await _make(conn, config)
        answer = await conn.api(
            f"CONSUMER.CREATE.{subjects.S2_JOBS}.{CONSUMER}.{subjects.S2_JOB_ALL}",
            {"stream_name": subjects.S2_JOBS, "config": _consumer(settings)},
        )
        if "error" in answer:
            raise failure(f"consumer {CONSUMER} of {subjects.S2_JOBS}", answer["error"])
    finally:
        await conn.drain()


async def _make(conn: Connection, config: dict[str, Any]) -> None:
    name = config["name"]
    answer = await conn.api(f"STREAM.CREATE.{name}", config)
    if "error" in answer and answer["error"].get("err_code") in _EXISTS:
        answer = await conn.api(f"STREAM.UPDATE.{name}", config)
        if "error" not in answer:
            get_logger().info("stream_updated", stream=name)
    if "error" in answer:
        error = answer["error"]
        if error.get("err_code") == 10047:
            raise TransportError(
                f"stream {name}: the broker's disk takes no {config.get('max_bytes', 0)} bytes more: "
                "free some, or lower DSB_FRAMES_MAX_BYTES"
            )
        if error.get("err_code") in _TOO_FEW_SERVERS:
            raise TransportError(
                f"stream {name}: the broker has not the servers for {config['num_replicas']} replicas "
                f"({error.get('description')}): lower DSB_STREAM_REPLICAS, or add servers to its cluster"
            )
        raise failure(f"stream {name}", error)

"""The gaps of the protocol, between two steps that belong together, as failpoints."""

from __future__ import annotations

__all__ = ["BENCH_GAPS", "GAPS", "SERVICE_GAPS"]

SERVICE_GAPS = (
    "reader.leased_not_published",
    "reader.frame_published",
    "reader.watermark_published",
    "router.received",
    "router.forwarded_not_replied",
    "router.queued_not_replied",
    "s1.leased_not_subscribed",
    "s1.answering",
    "s1.computed_not_published",
    "s1.published_not_replied",
    "s1.note_computed",
    "s1.note_acked",
    "s1.standing_stored",
    "s1.tick",
    "s1.tick_computed",
    "s1.tick_published",
    "s1.tick_queueing",
    "s1.tick_queued",
    "s2.fetched",
    "s2.answering",
    "s2.computed_not_published",
    "s2.answered_not_acked",
    "memory.received",
    "memory.stored_not_replied",
)
BENCH_GAPS = ("bench.tick_received", "bench.final_received", "bench.record_written")
GAPS = SERVICE_GAPS + BENCH_GAPS

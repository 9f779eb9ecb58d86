"""Load harness: how much a stack bears, and what it does to those who wait (`dsb load`).

Each measurement plays its own embedded stack and gives figures by name. Nothing here is ever scored.
"""

from __future__ import annotations

from bench.load.crowd import Crowd
from bench.load.interference import interference
from bench.load.kept import Kept
from bench.load.limits import Limit, max_fps, max_streams
from bench.load.soak import soak
from bench.load.throughput import throughput

__all__ = [
    "Crowd",  # what is played and asked
    "Kept",  # trials in a file, so that a search goes on
    "Limit",  # what still counts as borne
    "interference",  # S1's p95 with S2 saturated over idle
    "max_fps",  # the highest frame rate that is sustained
    "max_streams",  # N*: the most streams at a latency target
    "soak",  # live streams for long: memory, drops, reconnects
    "throughput",  # answers a second from 1 to several S2 workers
]

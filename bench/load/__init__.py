"""Load harness: how much a stack bears, and what it does to those who wait (`dsb load`).

Each measurement plays its own embedded stack and gives figures by name; `bench/cli/load.py` prints them. Nothing
here is ever scored.
"""

from __future__ import annotations

from bench.load.soak import soak

__all__ = [
    "soak",  # live streams for long: memory, drops, reconnects
]

"""How a measurement is told: tables for people, then one JSON object as the last line, with what it ran on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bench.report.sheet import Sheet, print_sheet
from bench.run.manifest import hardware

__all__ = ["machine", "tell"]


def machine() -> dict[str, Any]:
    """What the measurement runs on, and how busy that is: the load averages of 1, 5 and 15 minutes."""
    known = hardware()
    return {
        "processor": known["processor"],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else known["cores"],
        "memory_gb": round((known["memory_bytes"] or 0) / 1e9, 1),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def tell(kind: str, sheets: Sequence[Sheet], found: Mapping[str, Any], begun: Mapping[str, Any]) -> None:
    """Print tables, the machine, and the last line; `begun` is what `machine` said before."""
    for sheet in sheets:
        print(f"\n{sheet.title}")  # by itself: a narrow table would break it
        print_sheet(sheet._replace(title=""))
    load = {"load_before": begun["load"], "load_after": machine()["load"]}
    print(
        f"on {begun['processor']}, {begun['cores']} cores, {begun['memory_gb']:g} GB; load average "
        f"{begun['load'][0]:g} before, {load['load_after'][0]:g} after"
    )
    on = {name: value for name, value in begun.items() if name != "load"}
    print(json.dumps({"measured": kind, **found, "machine": {**on, **load}}), flush=True)

"""How a measurement is told: tables for people, then one JSON object as the last line, with what it ran on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bench.report.sheet import Sheet, print_sheet

__all__ = ["machine", "soak_sheets", "tell"]


def machine() -> dict[str, Any]:
    """What the measurement runs on, and how busy that is: the load averages of 1, 5 and 15 minutes."""
    from bench.run.manifest import hardware

    known = hardware()
    return {
        "processor": known["processor"],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else known["cores"],
        "memory_gb": round((known["memory_bytes"] or 0) / 1e9, 1),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def tell(kind: str, sheets: Sequence[Sheet], found: Mapping[str, Any], begun: Mapping[str, Any]) -> None:
    """Print tables, the machine, and the last line; `begun` is what `machine` said before."""
    print()
    for sheet in sheets:
        print_sheet(sheet)
    load = {"load_before": begun["load"], "load_after": machine()["load"]}
    print(
        f"on {begun['processor']}, {begun['cores']} cores, {begun['memory_gb']:g} GB; load average "
        f"{begun['load'][0]:g} before, {load['load_after'][0]:g} after"
    )
    on = {name: value for name, value in begun.items() if name != "load"}
    print(json.dumps({"measured": kind, **found, "machine": {**on, **load}}), flush=True)


def soak_sheets(found: Mapping[str, Any]) -> list[Sheet]:
    """What a soak found."""
    rows = [
        ("frames", f"{found['frames_due']} due, {found['frames_encoded']} encoded by S1"),
        ("drops", _counts(found["drops"])),
        ("troubles", _counts(found["troubles"])),
        ("published late", _both(found, "published_late")),
        ("newest frame at the ask, age", _both(found, "ages")),
        ("S1's answers", _both(found, "latencies")),
        ("S2's answers", _both(found, "slow")),
        (
            "questions",
            f"{found['asked']} asked, {found['failed']} failed, accuracy {found['accuracy']:.3f}",
        ),
    ]
    title = f"{found['streams']} live streams, {found['fps']:g} frames/s, {found['seconds']:g} s"
    return [Sheet(title, ("", "p50, p95 where seconds"), rows, text=2), _memory(found["rss"])]


def _memory(rss: Mapping[str, Mapping[str, Any]]) -> Sheet:
    rows = []
    for name, one in rss.items():
        error = one["error_mb_h"]
        flat = "–" if not error else f"{one['slope_mb_h'] / error:+.1f}"
        rows.append(
            (
                name,
                *(f"{one[key]:.1f}" for key in ("first_mb", "last_mb", "max_mb")),
                f"{one['slope_mb_h']:+.2f}",
                "–" if error is None else f"{error:.2f}",
                flat,
                f"{one['cores']:.2f}",
                str(one["starts"]),
            )
        )
    columns = (
        "process",
        "first MB",
        "last MB",
        "most MB",
        "slope MB/h",
        "± error",
        "in errors",
        "cores",
        "starts",
    )
    start = next(iter(rss.values()))["from_min"] if rss else 0
    note = f"the slope is that of the resident set from minute {start:g} on, beside its standard error"
    return Sheet("memory", columns, rows, notes=(note,))


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.items() if count) or "none"


def _both(found: Mapping[str, Any], name: str) -> str:
    values = [found[f"{name}_p{percent}_s"] for percent in (50, 95)]
    return "–" if None in values else ", ".join(f"{value:.3f} s" for value in values)

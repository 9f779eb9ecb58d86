"""What a load harness found, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.report.sheet import Sheet
from bench.report.words import signed

__all__ = ["interference_sheet", "soak_sheets", "throughput_sheet", "trials_sheet"]


def soak_sheets(found: Mapping[str, Any]) -> list[Sheet]:
    """What came of a soak, then the memory of each process."""
    asked = f"{found['asked']} asked, {found['failed']} failed, accuracy {found['accuracy']:.3f}"
    rows = [
        ("frames", f"{found['frames_due']} due, {found['frames_encoded']} encoded by S1"),
        ("drops", _counts(found["drops"])),
        ("neither of both", f"{found['frames_unaccounted']} frames"),
        ("started anew", _counts({name: one["restarts"] for name, one in found["rss"].items()})),
        ("troubles", _counts(found["troubles"])),
        ("published late", _both(found, "published_late")),
        ("newest frame at the ask, age", _both(found, "ages")),
        ("S1's answers", _both(found, "latencies")),
        ("S2's answers", _both(found, "slow")),
        ("questions", asked),
    ]
    title = f"{found['streams']} live streams, {found['fps']:g} frames/s, {found['seconds']:g} s"
    return [Sheet(title, ("", "p50, p95 where seconds"), rows, text=2), _memory(found["rss"])]


def _memory(rss: Mapping[str, Mapping[str, Any]]) -> Sheet:
    rows = []
    for name, one in rss.items():
        error = one["error_mb_h"]
        sizes = [f"{one[key]:.1f}" for key in ("first_mb", "last_mb", "max_mb")]
        slope = [signed(one["slope_mb_h"], 2), "–" if error is None else f"{error:.2f}"]
        slope.append({True: "yes", False: "no", None: "–"}[one["within_noise"]])
        rows.append((name, *sizes, *slope, f"{one['cores']:.2f}", str(one["starts"])))
    names = (
        "process",
        "first MB",
        "last MB",
        "most MB",
        "slope MB/h",
        "± error",
        "in noise",
        "cores",
        "starts",
    )
    start = next(iter(rss.values()))["from_min"] if rss else 0
    note = (
        f"the slope is that of the resident set from minute {start:g} on; in noise: within two errors of none"
    )
    return Sheet("memory", names, rows, notes=(note,))


def trials_sheet(title: str, trials: Sequence[Mapping[str, Any]]) -> Sheet:
    """A row a trial, lightest first."""
    rows = []
    for one in sorted(trials, key=lambda one: (one["streams"], one["fps"])):
        if "asked" not in one:
            rows.append((str(one["streams"]), f"{one['fps']:g}", *[""] * 7, one["why_not"][:60]))
            continue
        late, age, latency = (_second(one[f"{key}_p95_s"]) for key in ("published_late", "ages", "latencies"))
        frames = (str(one["frames_due"]), str(one["frames_encoded"]), str(one["frames_dropped"]))
        load = (str(one["streams"]), f"{one['fps']:g}")
        rows.append((*load, *frames, late, age, latency, str(one["asked"]), one["why_not"] or "borne"))
    names = ("streams", "fps", "due", "encoded", "dropped", "late p95", "age p95", "answer p95", "asked", "")
    note = (
        "late: published behind its own time; age: of the newest frame that an answer rests on, at the ask "
        "(of frames 1/fps apart, up to 1/fps when nothing waits)"
    )
    return Sheet(title, names, rows, text=0, notes=(note,))


def throughput_sheet(found: Mapping[str, Any]) -> Sheet:
    """A row a number of workers."""
    rows = [
        (
            count,
            f"{rate:.2f}",
            f"{found['speedup'][count]:.2f}",
            f"{100 * found['of_ideal'][count]:.1f} %",
            f"{found['added_ms'][count]:.1f}",
        )
        for count, rate in found["rates"].items()
    ]
    note = "of ideal: of one answer a worker each time it has slept; times one is what the aim speaks of"
    title = f"S2 workers that sleep {found['sleep_s']:g} s a job (a load generator, no model)"
    return Sheet(
        title,
        ("workers", "answers/s", "times one", "of ideal", "added ms a job"),
        rows,
        text=0,
        notes=(note,),
    )


def interference_sheet(kinds: Mapping[str, Mapping[str, Any]]) -> Sheet:
    """A row a pair, then the median of each kind."""
    rows = []
    for kind, found in kinds.items():
        for number, pair in enumerate(found["pairs"], start=1):
            percentiles = [f"{pair[f'{name}_p{at}_ms']:.1f}" for at in (50, 95) for name in ("idle", "busy")]
            told = (f"{pair['ratio']:.3f}", f"{pair['busy_s2_per_s']:.2f}", f"{pair['busy_dropped']:.0f}")
            rows.append((kind, str(number), *percentiles, *told))
        rows.append((kind, "median", *[""] * 4, f"{found['ratio']:.3f}", "", ""))
    names = (
        "S2",
        "pair",
        "p50 idle",
        "p50 busy",
        "p95 idle",
        "p95 busy",
        "p95 ratio",
        "S2 answers/s",
        "drops",
    )
    return Sheet("S1's answers in ms, with S2 idle and with its queue never empty", names, rows)


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.items() if count) or "none"


def _both(found: Mapping[str, Any], name: str) -> str:
    values = [found[f"{name}_p{percent}_s"] for percent in (50, 95)]
    return "–" if None in values else ", ".join(f"{value:.3f} s" for value in values)


def _second(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f} s"

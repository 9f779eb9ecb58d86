"""Charts of what a load harness found, as SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.report.html.charts import Line, lines, stacked

__all__ = ["interference_plot", "soak_plot", "throughput_plot", "trials_plot"]

_KINDS = ("s1", "s2", "system", "blind", "policy0", "policy1", "policy2", "policy3")


def soak_plot(found: Mapping[str, Any]) -> str:
    """The resident set of each process over the minutes, less what it was when all had settled."""
    curves = []
    for kind, (name, one) in zip(_KINDS, found["rss"].items(), strict=False):
        settled = [(t, size) for t, size in one["minutes_mb"] if t >= one["from_min"]]
        base = settled[0][1] if settled else 0.0
        curves.append(Line(name, kind, [(t, size - base) for t, size in settled]))
    return lines(curves, x_name="minutes", y_name="MB since the settling")


def trials_plot(trials: Sequence[Mapping[str, Any]], over: str) -> str:
    """Percentiles and drops over `streams` or `fps`, beneath each other."""
    told = sorted((one for one in trials if "asked" in one), key=lambda one: float(one[over]))
    names = {"age": "ages_p95_s", "answer": "latencies_p95_s", "published late": "published_late_p95_s"}
    curves = [
        Line(name, kind, [(one[over], 1e3 * one[key]) for one in told if one[key] is not None])
        for kind, (name, key) in zip(_KINDS, names.items(), strict=False)
    ]
    drops = Line("dropped", "s2", [(one[over], 100 * one["drop_share"]) for one in told])
    x_name = {"streams": "streams", "fps": "frames/s of a stream"}[over]
    charts = [
        lines(curves, x_name=x_name, y_name="p95, ms"),
        lines([drops], x_name=x_name, y_name="frames dropped, %"),
    ]
    return stacked(*filter(None, charts))


def throughput_plot(found: Mapping[str, Any]) -> str:
    """Answers a second over the number of workers, beside what the sleep alone would allow."""
    measured = [(float(count), rate) for count, rate in found["rates"].items()]
    ideal = [(count, count / found["sleep_s"]) for count, _ in measured] if found["sleep_s"] else []
    curves = [Line("measured", "s2", measured), Line("sleep alone", "front", ideal)]
    return lines(curves, x_name="S2 workers", y_name="answers/s")


def interference_plot(kinds: Mapping[str, Mapping[str, Any]]) -> str:
    """The ratio of S1's 95th percentiles, pair by pair."""
    curves = [
        Line(f"S2 {kind}", mark, [(number, pair["ratio"]) for number, pair in enumerate(found["pairs"], 1)])
        for mark, (kind, found) in zip(_KINDS, kinds.items(), strict=False)
    ]
    return lines(curves, x_name="pair", y_name="S1's p95, saturated over idle")

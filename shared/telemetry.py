"""Prometheus metrics of this process: prefix `dsb_`, units in the names, made once by name.

Every one of them is listed in docs/metrics.md, which a test holds to the code. Where a trace is known, a histogram
keeps its id as an exemplar: who sees a slow bucket finds the very question that fell into it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, NamedTuple

from prometheus_client import Counter, Gauge, Histogram

__all__ = ["Declared", "counter", "declared", "exemplar", "gauge", "histogram"]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_TRACE_ID = re.compile("[0-9a-f]{32}")


class Declared(NamedTuple):
    """A metric as the code declares it."""

    name: str
    """With the prefix."""
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    doc: str


_declared: dict[str, Declared] = {}


def declared() -> dict[str, Declared]:
    """Every metric of the modules imported so far, by name."""
    return dict(_declared)


def _declare(
    kind: Literal["counter", "gauge", "histogram"], name: str, doc: str, labels: tuple[str, ...]
) -> str:
    full = f"dsb_{name}"
    _declared[full] = Declared(full, kind, labels, doc)
    return full


@cache
def counter(name: str, doc: str, *labels: str) -> Counter:
    """A count that only grows; `name` without the prefix, ending in `_total`."""
    return Counter(_declare("counter", name, doc, labels), doc, labels)


@cache
def gauge(name: str, doc: str, *labels: str) -> Gauge:
    """A value that goes up and down."""
    return Gauge(_declare("gauge", name, doc, labels), doc, labels)


@cache
def histogram(name: str, doc: str, *labels: str) -> Histogram:
    """Seconds of wall clock; `name` ends in `_seconds`."""
    return Histogram(_declare("histogram", name, doc, labels), doc, labels, buckets=_BUCKETS)


def exemplar(trace: str) -> dict[str, str] | None:
    """What `observe` takes as its exemplar: the trace id of a `traceparent`; null where there is none.

    A trace comes from whoever sent the message, and the client library raises over an id of more than 120 characters.
    """
    parts = trace.split("-")
    return {"trace_id": parts[1]} if len(parts) == 4 and _TRACE_ID.fullmatch(parts[1]) else None

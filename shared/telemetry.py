"""Prometheus metrics of this process: prefix `dsb_`, units in the names, made once by name."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

__all__ = ["counter", "gauge", "histogram"]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@cache
def counter(name: str, doc: str, *labels: str) -> Counter:
    """A count that only grows; `name` without the prefix, ending in `_total`."""
    return Counter(f"dsb_{name}", doc, labels)


@cache
def gauge(name: str, doc: str, *labels: str) -> Gauge:
    """A value that goes up and down."""
    return Gauge(f"dsb_{name}", doc, labels)


@cache
def histogram(name: str, doc: str, *labels: str) -> Histogram:
    """Seconds of wall clock; `name` ends in `_seconds`."""
    return Histogram(f"dsb_{name}", doc, labels, buckets=_BUCKETS)

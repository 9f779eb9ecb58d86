"""What a metric of this process has come to."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import REGISTRY


def _value(name: str, labels: dict[str, str]) -> float:
    samples = (sample for family in REGISTRY.collect() for sample in family.samples if sample.name == name)
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def growth(name: str, **labels: str) -> Callable[[], float]:
    """How much it has grown from now on, when called; labels that are left out are summed over."""
    before = _value(name, labels)
    return lambda: _value(name, labels) - before

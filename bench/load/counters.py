"""What the processes of a stack count of themselves, read off their `/metrics` pages."""

from __future__ import annotations

import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bench.run.embedded import Stack
from shared.errors import TransportError
from shared.service import SERVICES

__all__ = ["Counted", "counted", "drops", "owned", "troubles"]

_TROUBLES = {
    ("bus_reconnects", ""): "reconnects",
    ("bus_disconnects", ""): "disconnects",
    ("bus_errors", ""): "bus errors",
    ("bus_consumer_resets", ""): "consumer resets",
    ("lease_changes", "lost"): "leases lost",
}
"""By metric, without prefix and `_total`, and what changed: what a quiet stack has none of."""

_STARTING_S, _AGAIN_S = 30.0, 0.5


class Counted(NamedTuple):
    """A counter of one service, all its processes together."""

    service: str
    metric: str
    """Without `dsb_` and `_total`."""
    labels: tuple[tuple[str, str], ...]


def counted(stack: Stack) -> Counter[Counted]:
    """Every counter of the project, now; blocks."""
    found: Counter[Counted] = Counter()
    for service in SERVICES:
        for family in _families(stack, service):
            if family.type != "counter" or not family.name.startswith("dsb_"):
                continue
            name = family.name.removeprefix("dsb_").removesuffix("_total")
            for sample in family.samples:
                if sample.name.endswith("_total"):
                    labels = tuple(sorted(sample.labels.items()))
                    found[Counted(service, name, labels)] += round(sample.value)
    return found


def owned(stack: Stack) -> int:
    """Streams that S1 workers own now; blocks."""
    families = [family for family in _families(stack, "s1") if family.name == "dsb_s1_owned"]
    return round(sum(sample.value for family in families for sample in family.samples))


def _families(stack: Stack, service: str) -> Iterator[Metric]:
    for url in stack.pages(service):
        yield from text_string_to_metric_families(_page(f"{url}/metrics"))


def _page(url: str) -> str:
    """Raises `TransportError` when the process does not answer; one that is just starting again is waited for."""
    deadline = time.monotonic() + _STARTING_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as page:
                text: str = page.read().decode()
            return text
        except OSError as error:
            if time.monotonic() > deadline:
                raise TransportError(
                    f"{url} does not answer ({error}): look into that service's log"
                ) from error
            time.sleep(_AGAIN_S)


def drops(before: Mapping[Counted, int], after: Mapping[Counted, int]) -> dict[str, int]:
    """Frames given up meanwhile, by who and why: `reader: late`."""
    found: Counter[str] = Counter()
    for key, count in after.items():
        if key.metric == "frames_dropped":
            labels = dict(key.labels)
            found[f"{labels.get('service', key.service)}: {labels.get('reason', '')}"] += count - before.get(
                key, 0
            )
    return {name: count for name, count in sorted(found.items()) if count}


def troubles(before: Mapping[Counted, int], after: Mapping[Counted, int]) -> dict[str, int]:
    """Reconnects, lost leases and the like meanwhile: each name is there, 0 when there was none."""
    found = dict.fromkeys(_TROUBLES.values(), 0)
    for key, count in after.items():
        if name := _TROUBLES.get((key.metric, dict(key.labels).get("change", ""))):
            found[name] += count - before.get(key, 0)
    return found

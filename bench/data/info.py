"""What a data set holds: counts by part, task, source, form and length, and which of its videos are there.

One pass over the samples, in bounded memory. Videos are looked for, not opened.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.data.dataset import Dataset, is_relative, load_dataset
from bench.data.layout import BANDS_S, look_back_s
from bench.data.schema import Sample

__all__ = ["Info", "info_of", "info_text"]

_LENGTHS_S = (0, 60, 300, 1800, 7200)


class Info(NamedTuple):
    """The counts; `--json` prints them as they are."""

    path: str
    name: str
    hash: str
    errata: str
    samples: int
    turns: int
    questions: int
    """Turns at each of their forced times: what is asked."""
    parts: dict[str, int]
    tasks: dict[str, int]
    """By `part/task`."""
    sources: dict[str, int]
    """By `bench/subset`."""
    forms: dict[str, int]
    profiles: dict[str, int]
    evidence_age: dict[str, int]
    """Samples by the age of their evidence at the ask."""
    issues: dict[str, int]
    """By code."""
    videos: int
    videos_found: int
    videos_missing: int
    videos_elsewhere: int
    """URLs, devices and made-up sources, which are not looked for."""
    missing: tuple[str, ...]
    """The first of them."""
    durations: dict[str, int]
    """Videos by length."""
    stream_s: float
    """Length of all videos together, as far as it is known."""


def info_of(path: str | Path) -> Info:
    """Count what the set at `path` (a file or a folder) holds; raises `DataError`."""
    return _counted(load_dataset(path))


def info_text(info: Info) -> str:
    """The counts as a table to read."""
    lines = [
        f"{info.path}: {info.name}, hash {info.hash}" + (f", errata {info.errata}" if info.errata else ""),
        f"  {info.samples} samples, {info.turns} turns, {info.questions} questions "
        f"about {info.videos} videos of {info.stream_s / 3600:.1f} h",
        f"  videos: {info.videos_found} found, {info.videos_missing} missing, {info.videos_elsewhere} elsewhere",
    ]
    lines += [f"    missing {uri}" for uri in info.missing]
    for title, counts in _sections(info):
        if counts:
            width = max(len(name) for name in counts)
            lines += [f"  {title}", *(f"    {name:<{width}} {count:>8}" for name, count in counts.items())]
    return "\n".join(lines)


def _sections(info: Info) -> Iterator[tuple[str, Mapping[str, int]]]:
    yield "part / task (samples)", info.tasks
    yield "source", info.sources
    yield "answer form (turns)", info.forms
    yield "scoring profile", info.profiles
    yield "age of evidence at the ask (samples)", info.evidence_age
    yield "length of video", info.durations
    yield "issues", info.issues


class _Tally:
    """Counters that one pass fills."""

    def __init__(self) -> None:
        self.count: dict[str, Counter[str]] = {
            name: Counter() for name in ("part", "task", "source", "form", "profile", "age", "issue")
        }
        self.turns = self.questions = self.samples = 0
        self.videos: dict[str, tuple[str, float | None]] = {}

    def add(self, sample: Sample) -> None:
        """Count one sample."""
        self.samples += 1
        self.count["part"][sample.part.value] += 1
        self.count["task"][f"{sample.part.value}/{sample.task}"] += 1
        self.count["source"][f"{sample.source.bench}/{sample.source.subset}"] += 1
        self.count["profile"][sample.scoring.profile] += 1
        self.count["age"][_band(look_back_s(sample), BANDS_S, "none given")] += 1
        for turn in sample.turns:
            self.turns += 1
            self.questions += len(turn.asks)
            self.count["form"][turn.answer.form.value] += 1
        for issue in sample.issues:
            self.count["issue"][issue.code] += 1
        for stream in sample.streams:
            self.videos.setdefault(stream.sha256 or stream.uri, (stream.uri, stream.duration_s))


def _counted(dataset: Dataset) -> Info:
    tally = _Tally()
    for sample in dataset.samples:
        tally.add(sample)
    here = [uri for uri, _ in tally.videos.values() if is_relative(uri) or os.path.isabs(uri)]
    missing = sorted(uri for uri in here if not os.path.exists(dataset.resolve(uri)))
    lengths = [length for _, length in tally.videos.values()]
    counts = {name: dict(sorted(counter.items())) for name, counter in tally.count.items()}
    return Info(
        path=str(dataset.path),
        name=dataset.name,
        hash=dataset.hash,
        errata=dataset.errata,
        samples=tally.samples,
        turns=tally.turns,
        questions=tally.questions,
        parts=counts["part"],
        tasks=counts["task"],
        sources=counts["source"],
        forms=counts["form"],
        profiles=counts["profile"],
        evidence_age=_in_order(tally.count["age"], BANDS_S, "none given"),
        issues=dict(tally.count["issue"].most_common()),
        videos=len(tally.videos),
        videos_found=len(here) - len(missing),
        videos_missing=len(missing),
        videos_elsewhere=len(tally.videos) - len(here),
        missing=tuple(missing[:5]),
        durations=_in_order(Counter(_band(s, _LENGTHS_S, "unknown") for s in lengths), _LENGTHS_S, "unknown"),
        stream_s=round(sum(length or 0.0 for length in lengths), 3),
    )


def _band(value: float | None, edges: tuple[float, ...], none: str) -> str:
    if value is None:
        return none
    begin = max((number for number, edge in enumerate(edges) if edge <= value), default=0)
    return _named(edges, begin)


def _named(edges: tuple[float, ...], begin: int) -> str:
    last = begin + 1 == len(edges)
    return f"{edges[begin]:g} s and more" if last else f"{edges[begin]:g} to {edges[begin + 1]:g} s"


def _in_order(counter: Counter[Any], edges: tuple[float, ...], none: str) -> dict[str, int]:
    names = [*(_named(edges, begin) for begin in range(len(edges))), none]
    return {name: counter[name] for name in names if counter[name]}

"""From the figures of tasks to those of sections and of whole benchmarks, as their authors sum them up.

OVO-Bench: a section is the plain mean of its tasks, the total the plain mean of the three sections; the other
benchmarks have one figure for each of their files, which is that of the profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.scoring.official.base import OfficialScores, Value, mean
from bench.scoring.official.ovo import BACKWARD, FORWARD, REALTIME

__all__ = ["SectionScore", "sections"]


class SectionScore(Value):
    """A figure over several tasks."""

    bench: str
    name: str
    value: float | None
    """Null while a task of it has no figure."""
    tasks: int
    """Tasks that have a figure …"""
    of: int
    """… and tasks that it has."""


_OVO: Mapping[str, Sequence[str]] = {"backward": BACKWARD, "realtime": REALTIME, "forward": FORWARD}


def sections(scores: Mapping[str, OfficialScores]) -> list[SectionScore]:
    """Sections and totals of every benchmark that has some, from the scores by profile."""
    if not any(name.startswith("ovo.") for name in scores):
        return []
    found = [_section(name, tasks, scores) for name, tasks in _OVO.items()]
    values = [section.value for section in found if section.value is not None]
    total = mean(sum(values), len(values)) if len(values) == len(found) else None
    done = sum(section.tasks for section in found)
    return [*found, SectionScore(bench="ovo", name="total", value=total, tasks=done, of=len(_all()))]


def _section(name: str, tasks: Sequence[str], scores: Mapping[str, OfficialScores]) -> SectionScore:
    held = [scores[f"ovo.{task}@1"].value for task in tasks if f"ovo.{task}@1" in scores]
    values = [value for value in held if value is not None]
    whole = len(values) == len(tasks)
    value = mean(sum(values), len(values)) if whole else None
    return SectionScore(bench="ovo", name=name, value=value, tasks=len(values), of=len(tasks))


def _all() -> list[str]:
    return [task for tasks in _OVO.values() for task in tasks]

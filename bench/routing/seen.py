"""Whether a policy is judged on videos that it was fitted on: its file names them, by hashes of their identity.

A fitted policy is no better than what it does on videos that it never met; a replay on its own ones says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from bench.routing.paired import Paired
from bench.run.config import config_of
from bench.run.folder import RunFolder
from shared.errors import ConfigError
from shared.routing import route_name
from shared.routing.files import fitted_on

__all__ = ["marks", "met_before", "met_by_runs"]


def marks(videos: Iterable[str]) -> tuple[str, ...]:
    """16 hex digits of the SHA-256 of each video's identity (`Sample.video`), in order and without doubles."""
    return tuple(sorted({hashlib.sha256(video.encode()).hexdigest()[:16] for video in videos}))


def met_before(table: Paired, route: str) -> str:
    """One line where a fitted policy meets videos of its training again; empty where it doesn't, or can't tell."""
    return _line(route, marks(table.videos))


def met_by_runs(folders: Iterable[RunFolder]) -> list[str]:
    """The same of runs, by the policies that they were played with; a file that is gone tells nothing."""
    lines = []
    for folder in folders:
        route = config_of(folder.manifest().settings).system.route
        line = _line(route, marks(sample.video for sample in folder.dataset().samples))
        lines += [f"{folder.path.name}: {line}"] if line else []
    return lines


def _line(route: str, here: Collection[str]) -> str:
    named = route_name(route)
    if named.name not in ("learned", "semantic") or not named.argument:
        return ""
    try:
        met = len(fitted_on(named.argument) & set(here))
    except ConfigError:
        return ""
    if not met:
        return ""
    return (
        f"{route} was fitted on {met} of these {len(here)} videos: what it scores here says little about others; "
        "replay it on a run of other videos"
    )

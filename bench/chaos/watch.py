"""Watching a run folder while it fills: when each record came, by the clock of the machine that watches."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["Seen", "Watch"]


class Seen(NamedTuple):
    """A record that has come."""

    at: float
    """Monotonic seconds, when it was seen here."""
    path: str


class Watch:
    """Call `look` often; a record is as late as the call that sees it."""

    began: float | None
    """When the first play was seen to begin, monotonic seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read = 0
        self.began = None
        self.seen: list[Seen] = []

    def look(self) -> float:
        """Read what is new; gives the monotonic time."""
        now = time.monotonic()
        if self.began is None and _size(self._folder / "plays.jsonl"):
            self.began = now
        file = self._folder / "records.jsonl"
        if _size(file) > self._read:
            with file.open("rb") as lines:
                lines.seek(self._read)
                new = lines.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            self.seen += [Seen(now, json.loads(line)["path"]) for line in whole.splitlines()]
        return now

    def first(self, paths: frozenset[str], since: float) -> float | None:
        """When the first record on one of the paths (none named: on any) came since then; null when none did."""
        return next(
            (one.at for one in self.seen if one.at >= since and (not paths or one.path in paths)), None
        )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0

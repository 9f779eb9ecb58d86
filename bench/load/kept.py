"""Trials that were measured, in a file of JSON lines: a search that is started again measures only what is missing.

A trial's key is all its settings and what it ran on: the machine, and the code, which may have become faster since.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.files import canonical
from shared.errors import DataError

__all__ = ["Kept"]


class Kept:
    """What is in `file`, and what is added to it; without a file nothing is kept."""

    def __init__(self, file: Path | None, on: Mapping[str, Any]) -> None:
        self._file, self._on = file, dict(on)
        self._found: dict[str, dict[str, Any]] = {}
        if file is not None and file.exists():
            self._read(file)

    def once(self, settings: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The trial of these settings: as it is kept, else measured now, and kept; not when `measure` raises."""
        key = canonical({**settings, "on": self._on})
        if key not in self._found:
            self._found[key] = found = measure()
            if self._file is not None:
                self._append(self._file, {"key": key, "found": found})
        return self._found[key]

    def _append(self, file: Path, line: dict[str, Any]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
            out.flush()
            os.fsync(out.fileno())

    def _read(self, file: Path) -> None:
        try:
            lines = file.read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{file} is no text, and holds no trials: name another file") from error
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                held = json.loads(line)
                self._found[held["key"]] = held["found"]
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines):
                    break  # torn when its writer was killed: it is measured again
                raise DataError(f"{file}, line {number}: no trial: mend it, or name another file") from error
        if lines[-1]:
            whole = "".join(f"{line}\n" for line in lines[:-1])
            file.write_text(whole, encoding="utf-8")

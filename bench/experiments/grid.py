"""An experiment's measurements in a folder: each is made once, and an experiment that was stopped goes on.

`experiment.json` says what was held; a folder that holds another experiment is refused. `pieces.jsonl` has one
line a measurement, appended when it is done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.files import canonical, write_atomic
from shared.errors import ConfigError

__all__ = ["Grid"]


class Grid:
    """What is done; raises `ConfigError` unless the folder is new or holds the same experiment."""

    def __init__(self, folder: Path, held: Mapping[str, Any]) -> None:
        self._pieces = folder / "pieces.jsonl"
        head = folder / "experiment.json"
        told = canonical(held) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if head.exists() and head.read_text(encoding="utf-8") != told:
                raise ConfigError(
                    f"{folder} holds an experiment with other settings: choose another folder with --out"
                )
            if not head.exists():
                write_atomic(head, told.encode())
        except OSError as error:
            raise ConfigError(f"{folder} can't be used ({error.strerror}): choose another folder") from error

    def done(self) -> list[dict[str, Any]]:
        """Every measurement that is done; a line that was being written when the power went is left out."""
        if not self._pieces.exists():
            return []
        found = []
        for line in self._pieces.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def add(self, piece: Mapping[str, Any]) -> None:
        """Keep a measurement; on disk when this returns."""
        torn = self._pieces.exists() and not self._pieces.read_bytes().endswith(b"\n")
        with self._pieces.open("ab") as file:
            file.write((b"\n" if torn else b"") + canonical(piece).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

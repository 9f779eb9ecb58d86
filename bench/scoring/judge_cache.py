"""Verdicts kept: one JSON line each, appended as soon as it is known, so that nothing is asked or paid twice.

`<folder>/verdicts.jsonl`. The key is a SHA-256 over judge, template, scale, question, gold and answer: another
content is another key. A line cut by a crash is skipped. Several processes may append at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

from bench.scoring.text import TextAsk
from shared.errors import DataError

__all__ = ["Verdict", "VerdictCache", "verdict_key"]


class Verdict(NamedTuple):
    """What a judge said of one answer."""

    grade: int
    reply: str
    """As it came, shortened."""
    prompt_tokens: int = 0
    output_tokens: int = 0


def verdict_key(judge: str, template: str, ask: TextAsk) -> str:
    """The key of a verdict: 64 hex digits."""
    parts = [judge, template, int(ask.scale), ask.question, ask.gold, ask.answer]
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class VerdictCache:
    """The verdicts of a folder; thread-safe. Raises `DataError` when the folder can't be used."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "verdicts.jsonl"
        self._lock = threading.Lock()
        self._grades: dict[str, int] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._read()
        except OSError as error:
            raise DataError(
                f"{folder}: judge cache can't be used ({error.strerror}): mend it, or set DSB_JUDGE_CACHE"
            ) from error

    def __len__(self) -> int:
        return len(self._grades)

    def get(self, key: str) -> int | None:
        """The grade, when it is known."""
        return self._grades.get(key)

    def put(self, key: str, verdict: Verdict, *, judge: str, template: str) -> None:
        """Keep a verdict; durable when this returns."""
        body = {"key": key, "judge": judge, "template": template, **verdict._asdict()}
        line = json.dumps(body, ensure_ascii=True, sort_keys=True).encode() + b"\n"
        with self._lock:
            self._append(line)
            self._grades[key] = verdict.grade

    def _append(self, line: bytes) -> None:
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.seek(0, os.SEEK_END) and not _ends_a_line(file.fileno()):
                line = b"\n" + line
            os.write(file.fileno(), line)
            os.fsync(file.fileno())

    def _read(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                found = _parse(line)
                if found is not None:
                    self._grades.setdefault(*found)


def _parse(line: bytes) -> tuple[str, int] | None:
    """Key and grade of a whole line; null for one that was cut or is no verdict."""
    try:
        body: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    key, grade = body.get("key"), body.get("grade")
    if not isinstance(key, str) or not isinstance(grade, int) or isinstance(grade, bool):
        return None
    return key, grade


def _ends_a_line(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, 1, size - 1) == b"\n"

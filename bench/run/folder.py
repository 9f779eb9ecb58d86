"""The run folder, a run's only truth: manifest, the samples asked, append-only records, scores.

    manifest.json   settings (secrets masked), data hash, code, packages, hardware, models, codec
    samples.json    the samples of this run, gold and all, so that the folder can be scored anywhere
    plays.jsonl     a line for every opening that was begun: an opening's id is never used twice
    records.jsonl   one line a record, fsynced before it counts; a torn last line is tolerated
    scores.json     made from the above; can be made again at any time

One process writes a folder at a time.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from pydantic import ValidationError

from bench.data.dataset import Dataset, load_dataset, save_dataset
from bench.files import canonical, open_atomic, read_json
from bench.run.lines import ScoredLine, SeenLine, counted_lines, whole_lines
from bench.run.manifest import Manifest
from bench.run.records import Record
from shared.errors import ConfigError, DataError

__all__ = ["BadLine", "RunFolder", "RunWriter"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REMEDY = "name a run folder that `dsb run` made"


class BadLine(NamedTuple):
    """A line of `records.jsonl` that is no record."""

    field: str
    """JSON pointer; `/` for the line as a whole."""
    text: str


class RunFolder:
    """A run's folder, for reading; `writer()` gives the right to write."""

    path: Path

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: str | Path, manifest: Manifest, dataset: Dataset) -> RunFolder:
        """Make a new folder; raises `ConfigError` when a run is there or begins there, `DataError` when it can't."""
        folder = cls(path)
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _storage(folder.path, error, 0) from error
        with folder.locked():
            if folder.records_path.exists() and folder.records_path.stat().st_size:
                raise ConfigError(
                    f"{folder.path} already holds a run: go on with `dsb run --resume {folder.path}`, "
                    "or choose another output.name"
                )
            try:
                save_dataset(dataset.at(folder.path / "samples.json"))
                folder.write_manifest(manifest)
            except OSError as error:
                raise _storage(folder.path, error, 0) from error
        return folder

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing folder; raises `DataError` when it is none."""
        folder = cls(path)
        if not (folder.path / "manifest.json").is_file():
            raise DataError(f"{folder.path} is no run folder (it has no manifest.json): {_REMEDY}")
        return folder

    @property
    def records_path(self) -> Path:
        """The append-only record file."""
        return self.path / "records.jsonl"

    def manifest(self) -> Manifest:
        """The manifest; raises `DataError`."""
        file = self.path / "manifest.json"
        try:
            return Manifest.model_validate(read_json(file, remedy=_REMEDY))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = "/".join(map(str, first["loc"]))
            raise DataError(f"{file}: /{where}: {first['msg']}; restore the file") from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest, atomically."""
        text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True)
        self._replace("manifest.json", text + "\n")

    def write_scores(self, scores: dict[str, Any]) -> None:
        """Replace `scores.json`, atomically; equal scores give equal bytes."""
        self._replace("scores.json", json.dumps(scores, indent=2, sort_keys=True, allow_nan=False) + "\n")

    def write_lines(self, name: str, items: Iterable[dict[str, Any]]) -> None:
        """Replace a JSON-lines file, atomically."""
        self.write_bytes(name, (f"{canonical(item)}\n".encode() for item in items))

    def write_bytes(self, name: str, chunks: Iterable[bytes]) -> None:
        """Replace a file, atomically; it need not fit into memory."""
        try:
            with open_atomic(self.path / name) as file:
                file.writelines(chunks)
        except OSError as error:
            raise _storage(self.path / name, error, None) from error

    def dataset(self) -> Dataset:
        """The samples of this run; their videos are found where the original set has them."""
        return load_dataset(self.path / "samples.json")

    def records(self) -> list[Record]:
        """All records, superseded ones too; raises `DataError` that names the line."""
        return list(self.iter_records())

    def iter_records(self) -> Iterator[Record]:
        """Records one by one, in the order of writing; a torn last line is passed over."""
        for number, record in enumerate(self.checked(), 1):
            if isinstance(record, BadLine):
                text = f"{self.records_path}:{number}: {record.field}: {record.text}"
                raise DataError(f"{text}; remove the line, then `dsb run --resume {self.path}`")
            yield record

    def checked(self) -> Iterator[Record | BadLine]:
        """As `iter_records`, with a `BadLine` for each line that is no record."""
        for line in whole_lines(self.records_path):
            try:
                yield Record.from_line(line)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                yield BadLine("/" + "/".join(map(str, first["loc"])), " ".join(first["msg"].split()))

    def scored(self) -> Iterator[ScoredLine]:
        """The records that count, with what scores need; in bounded memory. Raises `DataError`."""
        return counted_lines(self.records_path, ScoredLine)

    def seen(self) -> Iterator[SeenLine]:
        """The same, with what was in view."""
        return counted_lines(self.records_path, SeenLine)

    def attempts(self) -> dict[int, int]:
        """Highest attempt begun, by play."""
        highest: dict[int, int] = {}
        for line in whole_lines(self.path / "plays.jsonl"):
            try:
                item = json.loads(line)
                play, attempt = int(item["play"]), int(item["attempt"])
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{self.path / 'plays.jsonl'}: not a play: {line[:80]!r}; remove the line"
                ) from error
            highest[play] = max(attempt, highest.get(play, 0))
        return highest

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out; raises `ConfigError` when one is there."""
        lock = _take_lock(self.path)
        try:
            yield
        finally:
            os.close(lock)

    def writer(self, shrink: Callable[[Record], Record] | None = None) -> RunWriter:
        """The right to write; raises `ConfigError` when another process has it.

        `shrink` is what becomes of each record before it is written (compact records).
        """
        return RunWriter(self, shrink)

    def _replace(self, name: str, text: str) -> None:
        self.write_bytes(name, (text.encode(),))


class RunWriter:
    """The one writer of a folder: a context manager. Its methods block (fsync); any thread may call them."""

    folder: RunFolder

    def __init__(self, folder: RunFolder, shrink: Callable[[Record], Record] | None = None) -> None:
        self.folder = folder
        self._shrink = shrink
        self._thread = threading.Lock()
        self._attempts: dict[int, int] | None = None
        self._lock = _take_lock(folder.path)
        try:
            self._records = _AppendLog(folder.records_path)
            self._plays = _AppendLog(folder.path / "plays.jsonl")
        except DataError:
            os.close(self._lock)
            raise

    def write(self, *records: Record) -> None:
        """Append records, durable when this returns; `DataError` when the disk is full: nothing is lost."""
        kept = map(self._shrink, records) if self._shrink else records
        body = b"".join(record.to_line() for record in kept)
        with self._thread:
            self._records.append(body, len(records))

    def begin(self, play: int) -> int:
        """Begin a play: its next attempt, from 1, durable when this returns."""
        with self._thread:
            if self._attempts is None:
                self._attempts = self.folder.attempts()
            attempt = self._attempts.get(play, 0) + 1
            self._plays.append(canonical({"play": play, "attempt": attempt}).encode() + b"\n", 1)
            self._attempts[play] = attempt
            return attempt

    def close(self) -> None:
        """Give the folder free."""
        self._records.close()
        self._plays.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _AppendLog:
    """A file of lines that only grows; what can't be written whole is taken back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            self._end, self._count = _mend(self._fd)
        except OSError as error:
            raise _storage(path, error, None) from error

    def append(self, body: bytes, count: int) -> None:
        try:
            done = 0
            while done < len(body):
                done += os.pwrite(self._fd, body[done:], self._end + done)
            os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, self._end)
            raise _storage(self._path, error, self._count) from error
        self._end += len(body)
        self._count += count

    def close(self) -> None:
        os.close(self._fd)


def _mend(fd: int) -> tuple[int, int]:
    """Cut off a torn last line, which never counted; gives the file's end and its number of lines."""
    end = count = offset = 0
    while chunk := os.pread(fd, 1 << 20, offset):
        count += chunk.count(b"\n")
        if (last := chunk.rfind(b"\n")) >= 0:
            end = offset + last + 1
        offset += len(chunk)
    if offset > end:
        os.ftruncate(fd, end)
    return end, count


def _take_lock(path: Path) -> int:
    try:
        fd = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _storage(path, error, None) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        text = f"{path} is being written by another process (pid {holder})"
        raise ConfigError(f"{text}: wait until it ends, or choose another output.name") from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _storage(path: Path, error: OSError, kept: int | None) -> DataError:
    text = f"{path}: can't be written: {error.strerror}"
    held = "" if kept is None else f"; the {kept} lines written before are safe"
    if error.errno in _FULL:
        return DataError(f"{text}{held}; free some space, then go on with --resume")
    return DataError(f"{text}{held}; choose an output.dir that can be written")

"""Tables written row by row: CSV always, Parquet where pyarrow is installed; replaced whole, or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from bench.files import open_atomic
from shared.errors import ConfigError

__all__ = ["Column", "Kind", "TableWriter", "writers"]

Row = Mapping[str, Any]
_BATCH = 20_000
"""Rows of a Parquet row group."""


class Kind(StrEnum):
    """What a column holds; any cell may be empty."""

    TEXT = "string"
    WHOLE = "int64"
    REAL = "double"
    FLAG = "bool"


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: Kind


class TableWriter(Protocol):
    """One file."""

    path: Path

    def write(self, row: Row) -> None:
        """Add a row; keys that are no columns are passed over."""
        ...

    def end(self) -> None:
        """Write what is still held."""
        ...


@contextmanager
def writers(
    folder: Path, name: str, columns: Sequence[Column], formats: Iterable[str]
) -> Iterator[tuple[TableWriter, ...]]:
    """A writer for each of the formats (`csv`, `parquet`); the files are there when the context ends well."""
    with ExitStack() as opened:
        made = []
        for form in formats:
            path = folder / f"{name}.{form}"
            file = opened.enter_context(_open(path))
            made.append((_Csv if form == "csv" else _Parquet)(path, file, columns))
        yield tuple(made)
        for writer in made:
            writer.end()


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    try:
        with open_atomic(path) as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{path}: can't be written ({error.strerror}): choose another --out") from error


class _Csv:
    """UTF-8, one header line, `true` and `false`, nothing for an empty cell."""

    def __init__(self, path: Path, file: BinaryIO, columns: Sequence[Column]) -> None:
        self.path = path
        self._text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
        self._names = [column.name for column in columns]
        self._csv = csv.writer(self._text, lineterminator="\n")
        self._csv.writerow(self._names)

    def write(self, row: Row) -> None:
        """Add a row."""
        self._csv.writerow([_cell(row.get(name)) for name in self._names])

    def end(self) -> None:
        """Write what is still held; the file stays open for whoever opened it."""
        self._text.flush()
        self._text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


class _Parquet:
    """Row groups of `_BATCH` rows, zstd."""

    def __init__(self, path: Path, file: BinaryIO, columns: Sequence[Column]) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            text = "pip install pyarrow, or say --format csv"
            raise ConfigError(f"Parquet needs pyarrow, which is not installed: {text}") from error
        self.path = path
        self._arrow = pyarrow
        self._schema = pyarrow.schema([(c.name, pyarrow.type_for_alias(str(c.kind))) for c in columns])
        self._out = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[Row] = []

    def write(self, row: Row) -> None:
        """Add a row."""
        self._held.append({name: _text(row.get(name)) for name in self._schema.names})
        if len(self._held) >= _BATCH:
            self._flush()

    def end(self) -> None:
        """Write what is still held, and the footer."""
        self._flush()
        self._out.close()

    def _flush(self) -> None:
        if self._held:
            self._out.write_table(self._arrow.Table.from_pylist(self._held, schema=self._schema))
            self._held = []


def _text(value: Any) -> Any:
    """Half a surrogate pair is no UTF-8: it is written as an escape."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value

"""Importers of files that are lists: each record is read alone, and rebuilt at its place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from bench.data.importers.base import Kept, Misfit, NativeFile, Record, Reject
from bench.data.importers.build import rejected
from bench.data.schema import Sample
from shared.errors import DataError

__all__ = ["ListImporter", "numbers", "rebuild_list"]


class ListImporter(ABC):
    """Reads record by record; who inherits says what samples a record makes."""

    name: str

    @abstractmethod
    def samples(self, file: NativeFile, record: Record) -> Iterator[Sample | Reject]:
        """What a record makes; raises `Misfit` when it can't be mapped."""

    def read(self, files: Sequence[NativeFile]) -> Iterator[Sample | Reject]:
        """The samples of every record of every file, in order."""
        for file in files:
            for record, fault in file.elements():
                if fault:
                    at, _, text = fault.partition(": ")
                    yield Reject(file.name, record.pointer, at, text, record.value)
                    continue
                try:
                    yield from list(self.samples(file, record))
                except Misfit as misfit:
                    yield rejected(file, record, misfit)

    def rebuild(self, kept: Sequence[Kept]) -> Any:
        """The list of records."""
        return rebuild_list(kept)


def numbers(pointer: str) -> list[int]:
    """The numbers in a JSON pointer such as `/4/questions/1`."""
    return [int(part) for part in pointer.split("/") if part.isdigit()]


def rebuild_list(kept: Sequence[Kept]) -> list[Any]:
    """The list whose n-th record stood at `/n`; raises `DataError` when one is missing or there twice."""
    made: list[Any] = []
    for item in sorted(kept, key=lambda item: numbers(item.pointer)):
        check_next(len(made), numbers(item.pointer)[0])
        made.append(item.native)
    return made


def check_next(wanted: int, found: int) -> None:
    """Raises `DataError` unless record `found` is the one that comes next."""
    if found != wanted:
        what = f"/{found} is there twice" if found < wanted else f"/{wanted} is not there"
        raise DataError(f"record {what}; export a set as it was imported")

"""The samples of a big set, left in their file: memory holds sixteen bytes for each, and those in use.

They were checked when the index was made. The file is held open, so that replacing it (as every command
here does) changes nothing for who is reading; one that is written over in place is told.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

from pydantic import ValidationError

from bench.data.schema import Sample
from shared.errors import DataError

__all__ = ["StoredSamples"]

_AHEAD = 1 << 18
"""Bytes that are read at once when samples are read in order."""


class StoredSamples(Sequence[Sample]):
    """Samples by number, each read and parsed when it is asked for."""

    hash: str
    """Hash of all of them in order, where it is known; else empty."""

    def __init__(
        self,
        file: Path,
        offsets: array[int],
        lengths: array[int],
        *,
        fd: _Held | None = None,
        hash_: str = "",
    ) -> None:
        self.file = file
        self.hash = hash_
        self._offsets, self._lengths = offsets, lengths
        self._fd = fd or _Held(file)

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> StoredSamples: ...

    def __getitem__(self, index: int | slice) -> Sample | StoredSamples:
        if isinstance(index, slice):
            return self.pick(range(len(self))[index])
        number = range(len(self))[index]
        return self._parse(self.raw(number), number)

    def __iter__(self) -> Iterator[Sample]:
        return (self._parse(line, number) for number, line in enumerate(self.lines()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list has none

    def pick(self, numbers: Iterable[int]) -> StoredSamples:
        """Those of these numbers, in this order, from the same file."""
        chosen = list(numbers)
        offsets = array("Q", (self._offsets[n] for n in chosen))
        lengths = array("Q", (self._lengths[n] for n in chosen))
        return StoredSamples(self.file, offsets, lengths, fd=self._fd)

    def raw(self, number: int) -> bytes:
        """The JSON of one, as it stands in the file."""
        return os.pread(self._fd.number, self._lengths[number], self._offsets[number])

    def lines(self) -> Iterator[bytes]:
        """The JSON of each in order; neighbours in the file are read together."""
        start, block = 0, b""
        for offset, length in zip(self._offsets, self._lengths, strict=True):
            if not start <= offset <= offset + length <= start + len(block):
                start, block = offset, os.pread(self._fd.number, max(length, _AHEAD), offset)
            yield block[offset - start : offset - start + length]

    def _parse(self, line: bytes, number: int) -> Sample:
        try:
            return Sample.model_validate(json.loads(line))
        except (ValueError, ValidationError) as error:
            text = f"sample {number} is not what it was when the set was loaded"
            raise DataError(f"{self.file}: {text}; leave the file alone while it is in use") from error


class _Held:
    """An open file, closed with its last user."""

    def __init__(self, file: Path) -> None:
        self.number = os.open(file, os.O_RDONLY)

    def __del__(self) -> None:
        os.close(self.number)

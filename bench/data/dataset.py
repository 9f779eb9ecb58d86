"""A data set on disk: a file of samples checked against the schema, and the hash for manifests.

A file is written with one sample a line and read as a stream; a big set stays in its file and is parsed as it
is used (bench/data/stored.py). A fault is told in one line: the file, a JSON pointer, what is wrong, and the remedy.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.data.faults import Checked, Fault, check_element, head_faults
from bench.data.scan import Element, ListScan
from bench.data.schema import SCHEMA, Part, Sample
from bench.data.stored import StoredSamples
from bench.files import canonical, encoded, open_atomic
from shared.errors import ConfigError

__all__ = [
    "Dataset",
    "load_dataset",
    "parse_samples",
    "samples_hash",
    "save_dataset",
    "set_file",
    "write_samples",
]

FOOT = b"\n]}\n"
"""What stands behind the samples of a file."""
_HELD = 2_000
"""Samples of a set that are kept parsed; the samples of a bigger one stay in the file."""
_REMEDY = "name an all.json or its folder; `dsb data synth` makes one"


class Dataset(NamedTuple):
    """Samples, and where they came from."""

    path: Path
    """The file that holds them, `all.json` as a rule."""
    name: str
    samples: Sequence[Sample]
    errata: str = ""
    """Version of the errata overlay that was applied; empty: none."""
    root: str = "."
    """The folder that videos' paths start from, seen from the file's own folder."""

    @property
    def hash(self) -> str:
        """Hash of the samples; moves with every change of a question, its gold or its video's bytes."""
        return samples_hash(self.samples)

    def uri(self, sample: Sample) -> str:
        """What a reader opens for `sample`: absolute for files, as it is for URLs and devices."""
        return self.resolve(sample.uri)

    def resolve(self, uri: str) -> str:
        """What a reader opens for the address of a stream."""
        if not is_relative(uri):
            return uri
        return str((self.path.parent / self.root / uri).resolve())

    def at(self, path: Path) -> Dataset:
        """The same set for another file: its videos are found where they were."""
        here = (self.path.parent / self.root).resolve()
        return self._replace(path=path, root=os.path.relpath(here, path.parent.resolve()))

    def select(
        self, *, parts: Sequence[Part | str] = (), max_samples: int | None = None, videos: Sequence[str] = ()
    ) -> Dataset:
        """The samples of these parts and videos (empty: all), in file order, `max_samples` at most."""
        wanted = {Part(part) for part in parts}
        chosen = [
            number
            for number, sample in enumerate(self.samples)
            if (not wanted or sample.part in wanted) and (not videos or sample.video in videos)
        ]
        if not chosen:
            has = ", ".join(sorted({sample.part for sample in self.samples}))
            raise ConfigError(f"{self.path}: no sample of part {', '.join(sorted(wanted))}; it holds {has}")
        return self._replace(samples=_pick(self.samples, chosen[:max_samples]))


class Written(NamedTuple):
    """What was written to a file of samples."""

    samples: int
    hash: str
    stored: StoredSamples
    """They themselves, for reading."""


def is_relative(uri: str) -> bool:
    """Whether it is the path of a file, relative to the set's folder."""
    return not ("://" in uri or uri.startswith(("synth:", "/dev/")) or os.path.isabs(uri))


def set_file(path: str | Path) -> Path:
    """The file that a path means: itself, or the folder's `all.json`."""
    file = Path(path)
    return file / "all.json" if file.is_dir() else file


def load_dataset(path: str | Path) -> Dataset:
    """Read a file of samples (or the folder that holds `all.json`); raises `DataError` in one line."""
    file = set_file(path)
    scan = ListScan(file, "samples", remedy=_REMEDY)
    offsets, lengths = array("Q"), array("Q")
    held: list[Sample] = []
    digest = hashlib.sha256()
    for element, sample in _checked(scan, file):
        offsets.append(element.offset)
        lengths.append(element.length)
        held.append(sample)
        if len(offsets) > _HELD:  # too many to keep; their hash costs less now than another pass
            for one in held:
                digest.update(sample_line(one) + b"\n")
            held.clear()
    for fault in head_faults(scan.head, found=scan.found, file=file):
        raise fault.error()
    if not offsets:
        raise _nothing(file, "" if scan.bare else "/samples").error()
    head = {key: str(scan.head.get(key) or "") for key in ("name", "errata", "root")}
    found = digest.hexdigest()[:16]
    samples = tuple(held) or StoredSamples(file, offsets, lengths, hash_=found)
    return Dataset(file, head["name"] or file.parent.name, samples, head["errata"], head["root"] or ".")


def save_dataset(dataset: Dataset) -> None:
    """Write the data set to its path, atomically; the same samples give the same bytes."""
    write_samples(dataset.path, dataset.samples, name=dataset.name, errata=dataset.errata, root=dataset.root)


def write_samples(
    path: Path, samples: Iterable[Sample], *, name: str, errata: str = "", root: str = "."
) -> Written:
    """Write samples as they come, one a line, atomically; gives their number and hash. None are kept."""
    digest, offsets, lengths = hashlib.sha256(), array("Q"), array("Q")
    with open_atomic(path) as file:
        at = file.write(head_line(name=name, errata=errata, root=root))
        for sample in samples:
            line = sample_line(sample)
            digest.update(line + b"\n")
            at += file.write(b",\n" if offsets else b"")
            offsets.append(at)
            lengths.append(len(line))
            at += file.write(line)
        file.write(FOOT)
    found = digest.hexdigest()[:16]
    return Written(len(offsets), found, StoredSamples(path, offsets, lengths, hash_=found))


def head_line(*, name: str, errata: str = "", root: str = ".") -> bytes:
    """What stands before the samples of a file."""
    head = {"schema": SCHEMA, "name": name, "errata": errata} | ({} if root == "." else {"root": root})
    return (canonical(head)[:-1] + ',"samples":[\n').encode()


def sample_line(sample: Sample) -> bytes:
    """A sample in the one form in which it is stored and hashed."""
    return encoded(sample.model_dump(mode="json"))


def parse_samples(items: Iterable[Any], *, file: Path, prefix: str = "") -> tuple[Sample, ...]:
    """Check raw samples; raises `DataError` that names file, pointer, fault and remedy."""
    seen = Seen(file, prefix)
    elements = (Element(item, 0, 0, halves=True) for item in items)
    samples = tuple(_sample_of(seen.check(element)) for element in elements)
    if not samples:
        raise _nothing(file, prefix).error()
    return samples


def samples_hash(samples: Iterable[Sample]) -> str:
    """16 hex digits of the SHA-256 over the samples' canonical JSON, in order."""
    if isinstance(samples, StoredSamples) and samples.hash:
        return samples.hash
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(sample_line(sample) + b"\n")
    return digest.hexdigest()[:16]


class Seen:
    """Checks the elements of one file in order, ids too."""

    def __init__(self, file: Path, prefix: str) -> None:
        self.file, self.prefix = file, prefix
        self.count = 0
        self._ids: dict[str, int] = {}

    def check(self, element: Element) -> Checked:
        """The next element, or its faults."""
        number, self.count = self.count, self.count + 1
        pointer = f"{self.prefix}/{number}"
        checked = check_element(element, file=self.file, pointer=pointer)
        if checked.sample is None:
            return checked
        first = self._ids.setdefault(checked.sample.id, number)
        if first == number:
            return checked
        text = f"id {checked.sample.id!r} is also that of sample {first}"
        fault = Fault(str(self.file), f"{pointer}/id", "duplicate_id", text, "ids must be unique")
        return Checked(None, (fault,))


def _checked(scan: ListScan, file: Path) -> Iterator[tuple[Element, Sample]]:
    seen: Seen | None = None
    for element in scan.elements():
        seen = seen or Seen(file, "" if scan.bare else "/samples")
        yield element, _sample_of(seen.check(element))


def _sample_of(checked: Checked) -> Sample:
    if checked.sample is None:
        raise checked.faults[0].error()
    return checked.sample


def _nothing(file: Path, pointer: str) -> Fault:
    return Fault(str(file), pointer or "/", "empty", "holds no sample", "make the set with `dsb data synth`")


def _pick(samples: Sequence[Sample], numbers: Sequence[int]) -> Sequence[Sample]:
    if isinstance(samples, StoredSamples):
        return samples.pick(numbers)
    return tuple(samples[number] for number in numbers)

"""An import, from annotation files to a folder: `all.json`, `import.json`, and what has to be told of it.

Samples are written as they are read; memory holds one record, the rejects and a few bytes a sample. The same
files and options give the same bytes. A record that can't be mapped stops the import, which then writes
nothing, or with `keep_going` is kept aside in `rejects.json`, from which export gives it back.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from bench.data.dataset import Written, write_samples
from bench.data.errata import Errata, load_errata
from bench.data.importers.base import Importer, NativeFile, Reject, value_text
from bench.data.importers.registry import find_importer
from bench.data.importers.videos import Coverage, VideoFinder
from bench.data.lint import Linter, merged
from bench.data.schema import Sample
from bench.files import canonical, write_atomic
from shared.errors import DataError

__all__ = ["Brought", "ValueDigest", "import_set", "native_files"]


class Brought(NamedTuple):
    """What an import made."""

    path: Path
    written: Written
    turns: int
    videos: int
    parts: dict[str, int]
    """Samples of each part."""
    issues: dict[str, int]
    """How often each code was found."""
    rejects: tuple[Reject, ...]
    errata: str
    coverage: Coverage | None


@dataclass
class ValueDigest:
    """SHA-256 of a list of JSON values, whatever the layout of the file they stand in."""

    records: int = 0
    _sha: Any = field(default_factory=hashlib.sha256)

    def add(self, value: Any) -> None:
        """The next record."""
        self.records += 1
        self._sha.update(value_text(value).encode() + b"\n")

    @property
    def hex(self) -> str:
        """64 hex digits."""
        return str(self._sha.hexdigest())


@dataclass
class _Flow:
    """Samples on their way to the file, and what is counted of them."""

    importer: Importer
    errata: Errata
    finder: VideoFinder | None
    keep_going: bool
    linter: Linter = field(default_factory=Linter)
    rejects: list[Reject] = field(default_factory=list)
    failed: int = 0
    turns: int = 0
    videos: set[str] = field(default_factory=set)
    parts: Counter[str] = field(default_factory=Counter)
    issues: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)

    def samples(self, files: Sequence[NativeFile]) -> Iterator[Sample]:
        """Every sample, finished; raises `DataError` at the end when something could not be mapped."""
        for item in self.importer.read(files):
            if isinstance(item, Reject):
                self._set_aside(item)
            elif not self.failed or self.keep_going:
                yield self._finished(item)
        if self.failed and not self.keep_going:
            raise self._stopped({file.name: file.path for file in files})
        if not self.ids:
            what = f"holds no record that {self.importer.name} can map" if self.rejects else "holds no record"
            raise DataError(f"{files[0].path}: {what}; give the benchmark's own annotation file")

    def _set_aside(self, reject: Reject) -> None:
        if not reject.harmless:
            self.failed += 1
            if not self.keep_going and self.failed > 1:
                return  # it is counted; only the first is told
        self.rejects.append(reject)

    def _finished(self, sample: Sample) -> Sample:
        if sample.id in self.ids:
            text = "there twice; give each file once, and files of one name apart by --subset"
            raise DataError(f"{sample.source.file}: {sample.source.pointer}: sample {sample.id!r} is {text}")
        self.ids.add(sample.id)
        sample = self.errata.apply(sample)
        if self.finder is not None:
            sample = self.finder.place(sample)
        sample = sample.model_copy(update={"issues": merged(sample.issues, self.linter.look(sample))})
        self.turns += len(sample.turns)
        self.videos.add(sample.video)
        self.parts[sample.part] += 1
        self.issues.update(issue.code for issue in sample.issues)
        return sample

    def _stopped(self, paths: dict[str, Path]) -> DataError:
        first = next(reject for reject in self.rejects if not reject.harmless)
        file = paths.get(first.file, first.file)
        others = f" ({self.failed} records can't be mapped)" if self.failed > 1 else ""
        remedy = "mend it, or give --keep-going to import the others and keep it aside"
        return DataError(f"{file}: {first.at or '/'}: {first.text}{others}; {remedy}")


def import_set(
    bench: str,
    annotations: Sequence[Path],
    out: Path,
    *,
    videos: Path | None = None,
    subset: str = "",
    errata: bool = True,
    keep_going: bool = False,
    hashed: bool = False,
) -> Brought:
    """Import a benchmark's own files into the folder `out`; raises `DataError` in one line."""
    importer = find_importer(bench)
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; give a folder as --out")
    files = native_files(annotations, subset=subset)
    overlay = load_errata(bench) if errata else Errata("")
    finder = VideoFinder(videos, hashed=hashed) if videos is not None else None
    flow = _Flow(importer, overlay, finder, keep_going)
    root = os.path.relpath(videos.resolve(), out.resolve()) if videos is not None else "."
    path = out / "all.json"
    written = write_samples(
        path, flow.samples(files), name=bench, errata=overlay.version, root=PurePosixPath(root).as_posix()
    )
    coverage = finder.coverage() if finder is not None else None
    made = Brought(
        path,
        written,
        flow.turns,
        len(flow.videos),
        dict(sorted(flow.parts.items())),
        dict(sorted(flow.issues.items())),
        tuple(flow.rejects),
        overlay.version,
        coverage,
    )
    _write_beside(out, bench, files, made)
    return made


def native_files(annotations: Sequence[Path], *, subset: str = "") -> list[NativeFile]:
    """The files that are meant: those named, and every JSON file of a folder; raises `DataError`."""
    found: dict[str, NativeFile] = {}
    for given in annotations:
        inside = sorted(given.rglob("*.json")) if given.is_dir() else [given]
        if not inside:
            raise DataError(f"{given}: holds no JSON file; give the benchmark's annotation files")
        for path in inside:
            name = path.relative_to(given).as_posix() if given.is_dir() else path.name
            if name in found:
                name = f"{path.resolve().parent.name}/{name}"
            twice = name in found or any(path.samefile(file.path) for file in found.values() if path.exists())
            if twice or not path.is_file():
                text = "is given twice" if twice else "no such file"
                raise DataError(f"{path}: {text}; give the benchmark's annotation files, each once")
            found[name] = NativeFile(path, name, subset)
    return list(found.values())


def _write_beside(out: Path, bench: str, files: list[NativeFile], made: Brought) -> None:
    """`import.json`, and `rejects.json` and `coverage.json` where there is something to say."""
    heads = [_head_of(file) for file in files]
    told = {
        "schema": "dsb.import/1",
        "bench": bench,
        "errata": made.errata,
        "files": heads,
        "samples": made.written.samples,
        "turns": made.turns,
        "parts": made.parts,
        "issues": made.issues,
        "rejects": len(made.rejects),
        "hash": made.written.hash,
    }
    aside = [reject._asdict() | {"native": value_text(reject.native)} for reject in made.rejects]
    beside: dict[str, Any] = {"import.json": told}
    beside["rejects.json"] = {"schema": "dsb.rejects/1", "rejects": aside} if aside else None
    beside["coverage.json"] = made.coverage.as_json() if made.coverage is not None else None
    for name, value in beside.items():
        if value is None:
            (out / name).unlink(missing_ok=True)
        else:
            write_atomic(out / name, (canonical(value) + "\n").encode())


def _head_of(file: NativeFile) -> dict[str, Any]:
    """What identifies a source file, and the values in it."""
    digest = ValueDigest()
    try:
        for record, _ in file.elements():
            digest.add(record.value)
        values = digest.hex
    except DataError:  # a third-party importer's file need not be a list
        values = ""
    with file.path.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return {"name": file.name, "sha256": sha256, "records": digest.records, "values": values}

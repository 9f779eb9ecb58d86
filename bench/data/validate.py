"""Every fault of a data set, one line each, and none a traceback: `dsb data validate`.

A file is checked by itself; a folder with all that `dsb data build` made in it: hashes, that the task sets and
the shards are exactly the set, and that no video is in two shards. Memory holds the ids and a digest each.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.data.checks import check_sample
from bench.data.dataset import Seen, sample_line, set_file
from bench.data.faults import Fault, head_faults, one_line
from bench.data.layout import FOLDERS, LAYOUT, MANIFEST
from bench.data.lint import Linter
from bench.data.scan import ListScan
from bench.data.schema import Sample
from bench.files import read_json
from shared.errors import DataError

__all__ = ["Report", "validate"]

_REMEDY = "name an all.json, or a folder that holds one"
_ANEW = "run `dsb data build` again"


class Report(NamedTuple):
    """What was found."""

    faults: tuple[Fault, ...]
    """Errors first, then warnings; `limit` of each at most."""
    errors: int
    warnings: dict[str, int]
    """By code."""
    files: int
    samples: int
    """Of the files that were named or that stand for a whole set."""


class _File(NamedTuple):
    """What one file held."""

    path: Path
    digests: Mapping[str, bytes]
    videos: frozenset[str]
    parts: frozenset[str]
    hash: str
    """Empty when a sample could not be read."""


class _Found:
    """Faults as they come; only so many are kept."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.errors: list[Fault] = []
        self.warned: list[Fault] = []
        self.count = 0
        self.codes: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Count one, and keep it while there is room."""
        kept = self.errors if fault.level == "error" else self.warned
        if fault.level == "error":
            self.count += 1
        else:
            self.codes[fault.code] += 1
        if len(kept) < self.limit:
            kept.append(fault)


def validate(paths: Iterable[str | Path], *, limit: int = 50) -> Report:
    """Check files and folders; raises nothing for what they hold. `limit` errors and warnings are kept."""
    found = _Found(limit)
    files = samples = 0
    for path in paths:
        main = set_file(path)
        held = _check_file(main, found)
        files, samples = files + 1, samples + len(held.digests)
        if Path(path).is_dir():
            files += _check_folder(Path(path), held, found)
    faults = (*found.errors, *found.warned)
    return Report(faults, found.count, dict(found.codes.most_common()), files, samples)


def _check_file(file: Path, found: _Found, *, copied: bool = False) -> _File:
    """One file; of `copied` samples only the schema is looked at: what they say was told of the original."""
    scan = ListScan(file, "samples", remedy=_REMEDY)
    digests: dict[str, bytes] = {}
    videos, parts = set(), set()
    whole, digest = True, hashlib.sha256()
    try:
        for sample in _samples(scan, file, found, copied=copied):
            if sample is None:
                whole = False
                continue
            line = sample_line(sample)
            digest.update(line + b"\n")
            digests[sample.id] = hashlib.blake2b(line, digest_size=8).digest()
            videos.add(sample.video)
            parts.add(sample.part.value)
        for fault in head_faults(scan.head, found=scan.found, file=file):
            found.add(fault)
        if scan.found and whole and not digests:
            found.add(Fault(str(file), "/samples", "empty", "holds no sample", _ANEW))
    except DataError as error:
        whole = False
        text = str(error).removeprefix(f"{file}: ")
        said, _, remedy = text.rpartition("; ")
        found.add(Fault(str(file), "", "file", said, one_line(remedy)))
    return _File(file, digests, frozenset(videos), frozenset(parts), digest.hexdigest()[:16] if whole else "")


def _samples(scan: ListScan, file: Path, found: _Found, *, copied: bool) -> Iterator[Sample | None]:
    checker: Seen | None = None
    linter = Linter()
    for number, element in enumerate(scan.elements()):
        prefix = "" if scan.bare else "/samples"
        checker = checker or Seen(file, prefix)
        checked = checker.check(element)
        for fault in checked.faults:
            found.add(fault)
        if checked.sample is not None and not copied:
            for note in check_sample(checked.sample, linter):
                pointer = f"{prefix}/{number}{note.pointer}"
                found.add(Fault(str(file), pointer, note.code, note.text, note.remedy, note.level))
        yield checked.sample


def _check_folder(folder: Path, main: _File, found: _Found) -> int:
    """What stands beside `all.json`; gives the number of files looked at."""
    for fault in _manifest_faults(folder, main):
        found.add(fault)
    count = 0
    for subfolder in FOLDERS:
        files = [
            _check_file(path, found, copied=True) for path in sorted((folder / subfolder).glob("*.json"))
        ]
        count += len(files)
        for fault in itertools.chain.from_iterable(_same(file, main) for file in files):
            found.add(fault)
        if subfolder in ("task_sets", "shards") and files:
            for fault in _exactly(folder / subfolder, files, main):
                found.add(fault)
        if subfolder in ("shards", "shards_mini"):
            for fault in _videos_apart(files):
                found.add(fault)
    return count


def _manifest_faults(folder: Path, main: _File) -> Iterator[Fault]:
    file = folder / MANIFEST
    if not file.exists():
        return
    try:
        manifest = read_json(file, remedy=_ANEW)
    except DataError as error:
        yield Fault(str(file), "", "file", str(error).removeprefix(f"{file}: "), _ANEW)
        return
    if not isinstance(manifest, dict) or manifest.get("schema") != LAYOUT:
        yield Fault(str(file), "/schema", "schema", f"is not {LAYOUT!r}", _ANEW)
        return
    if main.hash and manifest.get("hash") != main.hash:
        text = f"is {str(manifest.get('hash'))[:60]!r}, but all.json has {main.hash}"
        yield Fault(str(file), "/hash", "hash", text, _ANEW)
    files = manifest.get("files")
    if not isinstance(files, dict):
        yield Fault(str(file), "/files", "type", "is not a table of files", _ANEW)
        return
    for name, stamp in files.items():
        yield from _stamp_faults(folder, file, name, stamp)


def _stamp_faults(folder: Path, manifest: Path, name: str, stamp: Any) -> Iterator[Fault]:
    path = folder / name
    pointer = "/files/" + name.replace("~", "~0").replace("/", "~1")
    if not path.is_file():
        yield Fault(str(manifest), pointer, "missing", f"{name} is not there", _ANEW)
        return
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if not isinstance(stamp, dict) or stamp.get("sha256") != sha256:
        text = f"{name} was changed since the folder was built"
        yield Fault(str(manifest), f"{pointer}/sha256", "hash", text, _ANEW)


def _same(file: _File, main: _File) -> Iterator[Fault]:
    """Samples that are not, or not so, in the whole set."""
    for name, digest in file.digests.items():
        held = main.digests.get(name)
        if held != digest:
            text = f"sample {name!r} " + ("is not in all.json" if held is None else "differs from all.json's")
            yield Fault(str(file.path), "/samples", "not_of_set", text, _ANEW)
    if file.path.parent.name == "task_sets" and file.parts - {file.path.stem}:
        text = f"holds samples of {', '.join(sorted(file.parts - {file.path.stem}))}"
        yield Fault(str(file.path), "/samples", "not_of_set", text, _ANEW)


def _exactly(folder: Path, files: Iterable[_File], main: _File) -> Iterator[Fault]:
    """Samples of the set that are in none of the files, or in two."""
    times = Counter(itertools.chain.from_iterable(file.digests for file in files))
    lacking = [name for name in main.digests if name not in times]
    twice = [name for name, count in times.items() if count > 1]
    for names, what in ((lacking, "in none of its files"), (twice, "in more than one of its files")):
        if names:
            text = f"{len(names)} samples are {what}, {names[0]!r} first"
            yield Fault(str(folder), "", "not_the_union", text, _ANEW)


def _videos_apart(files: Iterable[_File]) -> Iterator[Fault]:
    home: dict[str, Path] = {}
    for file in files:
        for video in sorted(file.videos):
            if home.setdefault(video, file.path) != file.path:
                text = f"video {video!r} is also in {home[video].name}: a video is never split"
                yield Fault(str(file.path), "/samples", "video_split", text, _ANEW)

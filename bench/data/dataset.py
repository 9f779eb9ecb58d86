"""A data set on disk: `all.json`, its samples checked against the schema, and the hash for manifests.

A fault is told in one line: the file, a JSON pointer, what is wrong, and the remedy.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pydantic import ValidationError

from bench.data.schema import SCHEMA, Part, Sample
from bench.files import canonical, read_json, write_atomic
from shared.errors import ConfigError, DataError

__all__ = ["Dataset", "load_dataset", "parse_samples", "samples_hash", "save_dataset"]


class Dataset(NamedTuple):
    """Samples, and where they came from."""

    path: Path
    """The `all.json` file."""
    name: str
    samples: tuple[Sample, ...]
    errata: str = ""
    """Version of the errata overlay that was applied; empty: none."""

    @property
    def hash(self) -> str:
        """Hash of the samples; moves with every change of a question, its gold or its video's bytes."""
        return samples_hash(self.samples)

    def uri(self, sample: Sample) -> str:
        """What a reader opens for `sample`: absolute for files, as it is for URLs and devices."""
        uri = sample.uri
        if "://" in uri or uri.startswith(("synth:", "/dev/")) or os.path.isabs(uri):
            return uri
        return str((self.path.parent / uri).resolve())

    def select(
        self, *, parts: Sequence[Part | str] = (), max_samples: int | None = None, videos: Sequence[str] = ()
    ) -> Dataset:
        """The samples of these parts and videos (empty: all), in file order, `max_samples` at most."""
        wanted = {Part(part) for part in parts}
        chosen = [
            sample
            for sample in self.samples
            if (not wanted or sample.part in wanted) and (not videos or sample.video in videos)
        ]
        if not chosen:
            has = ", ".join(sorted({sample.part for sample in self.samples}))
            raise ConfigError(f"{self.path}: no sample of part {', '.join(sorted(wanted))}; it holds {has}")
        return self._replace(samples=tuple(chosen[:max_samples]))


def load_dataset(path: str | Path) -> Dataset:
    """Read `all.json` (or the folder that holds it); raises `DataError` in one line."""
    file = Path(path)
    file = file / "all.json" if file.is_dir() else file
    data = read_json(file)
    head = data if isinstance(data, dict) else {"samples": data}
    if not isinstance(head.get("samples"), list):
        _fail(file, "/samples", "expected a list of samples", "make the set with `dsb data synth`")
    if head.get("schema", SCHEMA) != SCHEMA:
        _fail(file, "/schema", f"is {head['schema']!r}, this version reads {SCHEMA!r}", "convert it again")
    prefix = "/samples" if isinstance(data, dict) else ""
    samples = parse_samples(head["samples"], file=file, prefix=prefix)
    return Dataset(file, str(head.get("name") or file.parent.name), samples, str(head.get("errata") or ""))


def save_dataset(dataset: Dataset) -> None:
    """Write the data set to its path, atomically; the same samples give the same bytes."""
    head = {"schema": SCHEMA, "name": dataset.name, "errata": dataset.errata}
    lines = ",\n".join(canonical(sample.model_dump(mode="json")) for sample in dataset.samples)
    text = canonical(head)[:-1] + ',"samples":[\n' + lines + "\n]}\n"
    write_atomic(dataset.path, text.encode())


def parse_samples(items: Iterable[Any], *, file: Path, prefix: str = "") -> tuple[Sample, ...]:
    """Check raw samples; raises `DataError` that names file, pointer, fault and remedy."""
    samples: list[Sample] = []
    seen: dict[str, int] = {}
    for number, item in enumerate(items):
        try:
            sample = Sample.model_validate(item)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = "".join(f"/{part}" for part in (number, *first["loc"]))
            _fail(
                file,
                prefix + where,
                _say(first["type"], first["msg"], first.get("input")),
                _remedy(first["type"]),
            )
        if sample.id in seen:
            text = f"id {sample.id!r} is also that of sample {seen[sample.id]}"
            _fail(file, f"{prefix}/{number}/id", text, "ids must be unique")
        seen[sample.id] = number
        samples.append(sample)
    if not samples:
        _fail(file, prefix or "/", "holds no sample", "make the set with `dsb data synth`")
    return tuple(samples)


def samples_hash(samples: Iterable[Sample]) -> str:
    """16 hex digits of the SHA-256 over the samples' canonical JSON, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(canonical(sample.model_dump(mode="json")).encode() + b"\n")
    return digest.hexdigest()[:16]


def _say(kind: str, text: str, value: Any) -> str:
    shown = "" if kind == "missing" else f" (is {str(value)[:60]!r})"
    return " ".join(text.removeprefix("Value error, ").split()) + shown


def _remedy(kind: str) -> str:
    if kind == "extra_forbidden":
        return f"remove the key: {SCHEMA} has no such field"
    return "add the field" if kind == "missing" else "mend the value"


def _fail(file: Path, pointer: str, text: str, remedy: str) -> NoReturn:
    raise DataError(f"{file}: {' '.join(pointer.split())}: {text}; {remedy}")

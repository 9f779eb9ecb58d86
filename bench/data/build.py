"""Folders of data sets, from imported ones: `dsb data build` and `dsb data shard`.

A folder is laid out in place, or several are joined into a new one. Paths of videos are rewritten to start
from the new folder, so that two videos of one name in two sets stay two. Samples are streamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.data.dataset import Dataset, is_relative, load_dataset
from bench.data.layout import LAYOUT, MANIFEST, Recipe, lay_out
from bench.data.schema import Sample
from bench.files import read_json
from shared.errors import ConfigError, DataError

__all__ = ["build", "held_manifest", "reshard"]


def build(folder: str | Path, recipe: Recipe, *, sources: Sequence[str | Path] = ()) -> dict[str, Any]:
    """Lay out `folder`, in place or as the union of `sources`; gives its manifest.

    Raises `ConfigError` when it holds a set made otherwise, `DataError` when two sources share an id.
    """
    out = Path(folder)
    if not sources:
        if not (out / "all.json").is_file():
            raise DataError(f"{out}: holds no all.json; import into it, or name sets to join with --from")
        return lay_out(out, _at_home(load_dataset(out), out), recipe, origin=_origin_of(out))
    held = held_manifest(out)
    if held is None and (out / "all.json").exists():
        raise ConfigError(f"{out} holds a data set that `dsb data build` did not make: choose another folder")
    sets = [load_dataset(source) for source in sources]
    _distinct(sets)
    joined = Dataset(out / "all.json", out.resolve().name, _Union(sets, out), _errata(sets))
    origin = [{"name": data.name, "hash": data.hash, "errata": data.errata} for data in sets]
    return lay_out(out, joined, recipe, origin=origin)


def reshard(folder: str | Path, *, shards: int, mini: int | None = None) -> dict[str, Any]:
    """Divide a folder anew, keeping the rest of its recipe; gives its manifest."""
    held = held_manifest(Path(folder)) or {}
    kept = {key: value for key, value in dict(held.get("recipe") or {}).items() if key in Recipe._fields}
    recipe = Recipe(**kept)._replace(shards=shards)
    return build(folder, recipe if mini is None else recipe._replace(mini=mini))


def held_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder that was laid out before; raises `DataError` when it can't be read."""
    file = folder / MANIFEST
    if not file.is_file():
        return None
    value = read_json(file, remedy="make it with `dsb data build`")
    if not isinstance(value, dict) or value.get("schema") != LAYOUT:
        raise DataError(
            f"{file}: /schema: is not {LAYOUT!r}: this is no folder of `dsb data build`; choose another"
        )
    return value


class _Union(Sequence[Sample]):
    """The samples of several sets, one set after the other, with the paths of a new folder."""

    def __init__(self, sets: Sequence[Dataset], out: Path) -> None:
        self._sets, self._out = sets, out

    def __len__(self) -> int:
        return sum(len(data.samples) for data in self._sets)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[Sample]:
        for data in self._sets:
            for sample in data.samples:
                yield _moved(sample, data, self._out)


def _at_home(dataset: Dataset, out: Path) -> Dataset:
    """With the paths of its own folder, also where its head names another root."""
    if os.path.normpath(dataset.root) == ".":
        return dataset
    return dataset._replace(samples=_Union([dataset], out), root=".")


def _moved(sample: Sample, data: Dataset, out: Path) -> Sample:
    here = out.resolve()
    streams = tuple(
        stream.model_copy(update={"uri": os.path.relpath(data.resolve(stream.uri), here)})
        if is_relative(stream.uri)
        else stream
        for stream in sample.streams
    )
    return sample.model_copy(update={"streams": streams})


def _distinct(sets: Sequence[Dataset]) -> None:
    seen: dict[str, int] = {}
    for number, data in enumerate(sets):
        for sample in data.samples:
            first = seen.setdefault(sample.id, number)
            if first != number:
                text = f"id {sample.id!r} is also one of {sets[first].path}"
                raise DataError(f"{data.path}: {text}; join sets of different samples")


def _errata(sets: Sequence[Dataset]) -> str:
    return "+".join(sorted({data.errata for data in sets if data.errata}))


def _origin_of(folder: Path) -> list[dict[str, str]]:
    try:
        held = held_manifest(folder) or {}
    except DataError:
        return []
    return list(dict(held.get("recipe") or {}).get("from") or [])

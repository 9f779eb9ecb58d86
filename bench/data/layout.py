"""The layout of a data set's folder, made from its `all.json` and from nothing else.

    all.json                 every sample, one a line        task_sets/<part>.json   one part each
    shards/NNN-of-NNN.json   parts of like cost              shards_mini/…           a small sample of every kind
    memory_ablation/*.json   by how far back one must look   manifest.json           hashes, counts and the recipe

Every file is a data set of its own, whose videos are found from the folder. Same samples, same recipe: same bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.data.dataset import FOOT, Dataset, Written, head_line, write_samples
from bench.data.schema import Sample
from bench.data.shards import Load, assign, loads_of, stratified, watched_s
from bench.data.stored import StoredSamples
from bench.files import canonical, open_atomic, write_atomic

__all__ = ["BANDS_S", "FOLDERS", "LAYOUT", "MANIFEST", "Recipe", "is_layout_file", "lay_out", "look_back_s"]

LAYOUT = "dsb.layout/1"
MANIFEST = "manifest.json"
FOLDERS = ("task_sets", "shards", "shards_mini", "memory_ablation")
BANDS_S = (0.0, 8.0, 30.0, 120.0)
"""Where the bands of evidence's age begin, in seconds; the last one has no end."""
_OURS = re.compile(r"(\d{3,}-of-\d{3,}|age-[\d-]+s(-up)?|older-than-[\d.]+s|[a-z]+)\.json")


class Recipe(NamedTuple):
    """How a set is divided."""

    shards: int = 0
    """0: as many as there are videos, and eight at most."""
    mini: int = 64
    """Samples of the small sample, at most."""
    seed: int = 0
    """Of the small sample."""
    window_s: float = 8.0
    """Evidence older than this goes into a file of its own: what a model with such a window can't see."""


class Row(NamedTuple):
    """What dividing needs to know of a sample."""

    id: str
    part: str
    task: str
    video: str
    watched_s: float
    questions: int
    turns: int
    look_back_s: float | None


class _File(NamedTuple):
    """A file to be made: which samples, in the order of the set."""

    name: str
    numbers: Sequence[int]
    about: dict[str, Any]


def is_layout_file(name: str) -> bool:
    """Whether a file of that name, in one of `FOLDERS`, is of the layout."""
    return _OURS.fullmatch(name) is not None


def look_back_s(sample: Sample) -> float | None:
    """How old the newest evidence is at the ask, for the turn that looks back furthest; none without evidence."""
    ages = [
        max(0.0, t - max(ended))
        for turn in sample.turns
        for t in turn.asks
        if (ended := [item.span.to_s for item in turn.evidence if item.span.from_s <= t])
    ]
    return max(ages, default=None)


def row_of(sample: Sample) -> Row:
    """What dividing needs to know of it."""
    asks = sum(len(turn.asks) for turn in sample.turns)
    look_back = look_back_s(sample)
    ends = watched_s(sample)
    return Row(
        sample.id, sample.part.value, sample.task, sample.video, ends, asks, len(sample.turns), look_back
    )


def lay_out(
    folder: Path, dataset: Dataset, recipe: Recipe, *, origin: Sequence[dict[str, str]] = ()
) -> dict[str, Any]:
    """Write `dataset` (its paths are those of `folder`) as the folder's `all.json`, and the files made of it.

    `origin` tells what it was joined from. Gives the manifest; raises `ConfigError` for more shards than videos.
    """
    rows: list[Row] = []
    written = write_samples(
        folder / "all.json", _noting(dataset.samples, rows), name=dataset.name, errata=dataset.errata
    )
    recipe = recipe._replace(shards=recipe.shards or min(8, len({row.video for row in rows})))
    files = {"all.json": _stamp(folder / "all.json", {"samples": written.samples})}
    manifest = _manifest(dataset, written, rows, recipe, origin)
    write_atomic(
        folder / MANIFEST, _pretty(manifest | {"files": files})
    )  # the folder is ours, if we stop here
    for subfolder in FOLDERS:
        planned = list(_planned(subfolder, rows, recipe))
        for file in planned:
            files[file.name] = _copy(folder, file, dataset, written.stored)
        _clear(folder / subfolder, keep={Path(file.name).name for file in planned})
    manifest["files"] = files
    write_atomic(folder / MANIFEST, _pretty(manifest))
    return manifest


def _noting(samples: Iterable[Sample], rows: list[Row]) -> Iterator[Sample]:
    for sample in samples:
        rows.append(row_of(sample))
        yield sample


def _planned(subfolder: str, rows: Sequence[Row], recipe: Recipe) -> Iterator[_File]:
    everyone = range(len(rows))
    if subfolder == "task_sets":
        for part in dict.fromkeys(row.part for row in rows):
            yield _File(f"task_sets/{part}.json", [n for n in everyone if rows[n].part == part], {})
    elif subfolder == "shards":
        yield from _sharded("shards", rows, everyone, recipe.shards)
    elif subfolder == "shards_mini":
        strata = [(row.part, row.task) for row in rows]
        few = stratified(strata, [row.id for row in rows], recipe.mini, seed=recipe.seed)
        videos = len({rows[number].video for number in few})
        yield from _sharded("shards_mini", rows, few, min(recipe.shards, videos))
    else:
        yield from _by_age(rows, recipe.window_s)


def _sharded(subfolder: str, rows: Sequence[Row], numbers: Sequence[int], shards: int) -> Iterator[_File]:
    """Videos with their samples, in shards of like cost."""
    if not numbers:
        return
    found = loads_of((rows[n].video, Load(rows[n].watched_s, rows[n].questions)) for n in numbers)
    videos = sorted(found)
    shard_of = dict(zip(videos, assign([found[v].cost for v in videos], shards), strict=True))
    for shard in range(shards):
        mine = [number for number in numbers if shard_of[rows[number].video] == shard]
        held = [found[video] for video in videos if shard_of[video] == shard]
        about = {"videos": len(held), "cost_s": round(sum(load.cost for load in held), 3)}
        yield _File(f"{subfolder}/{shard + 1:03d}-of-{shards:03d}.json", mine, about)


def _by_age(rows: Sequence[Row], window_s: float) -> Iterator[_File]:
    """By how far back one must look, and all that lies behind the window."""
    ages = [row.look_back_s for row in rows]
    for begin, end in zip(BANDS_S, (*BANDS_S[1:], None), strict=True):
        mine = [
            n for n, age in enumerate(ages) if age is not None and begin <= age and (end is None or age < end)
        ]
        name = f"{begin:03.0f}s-up" if end is None else f"{begin:03.0f}-{end:03.0f}s"
        if mine:
            yield _File(f"memory_ablation/age-{name}.json", mine, {})
    older = [n for n, age in enumerate(ages) if age is not None and age >= window_s]
    if older:
        yield _File(f"memory_ablation/older-than-{window_s:g}s.json", older, {})


def _copy(folder: Path, file: _File, dataset: Dataset, stored: StoredSamples) -> dict[str, Any]:
    """Write the lines of these samples as they stand in `all.json`."""
    path = folder / file.name
    with open_atomic(path) as out:
        out.write(head_line(name=f"{dataset.name}/{file.name[:-5]}", errata=dataset.errata, root=".."))
        for place, line in enumerate(stored.pick(file.numbers).lines()):
            out.write((b",\n" if place else b"") + line)
        out.write(FOOT)
    return _stamp(path, {"samples": len(file.numbers), **file.about})


def _stamp(path: Path, about: dict[str, Any]) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": path.stat().st_size, **about}


def _clear(subfolder: Path, *, keep: set[str]) -> None:
    """Remove what an earlier call made and this one did not; nothing else."""
    for path in subfolder.glob("*.json") if subfolder.is_dir() else ():
        if path.name not in keep and is_layout_file(path.name):
            path.unlink()


def _manifest(
    dataset: Dataset, written: Written, rows: Sequence[Row], recipe: Recipe, origin: Sequence[dict[str, str]]
) -> dict[str, Any]:
    return {
        "schema": LAYOUT,
        "name": dataset.name,
        "hash": written.hash,
        "errata": dataset.errata,
        "samples": written.samples,
        "turns": sum(row.turns for row in rows),
        "questions": sum(row.questions for row in rows),
        "videos": len({row.video for row in rows}),
        "parts": dict(Counter(row.part for row in rows)),
        "recipe": {**recipe._asdict(), "from": list(origin), "bands_s": list(BANDS_S)},
    }


def _pretty(manifest: dict[str, Any]) -> bytes:
    """One line a key, and one a file: quick to read and to compare."""
    lines = [
        f"{canonical(key)}:{canonical(value)}" for key, value in sorted(manifest.items()) if key != "files"
    ]
    files = ",\n".join(f"{canonical(name)}:{canonical(about)}" for name, about in manifest["files"].items())
    return ("{" + ",\n".join(lines) + ',\n"files":{\n' + files + "\n}}\n").encode()

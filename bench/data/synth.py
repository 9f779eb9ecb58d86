"""Data sets of the synthetic world: H.264 files and an `all.json`, made once and kept.

A set is a pure function of its recipe and of the code that makes it; both are hashed into `recipe.json`, so
that a second call finds the set made, and a change of the world makes it anew. Two processes may ask for it
at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import bench.data.world as world
import shared.video.synth as scenes
from bench.data.dataset import Dataset, load_dataset, save_dataset
from bench.data.replacing import belongings, check_free, remove
from bench.data.schema import Part, Sample, Stream
from bench.data.synth_samples import samples_of
from bench.files import cache_dir, canonical, write_atomic
from shared.errors import ConfigError, DataError

__all__ = ["DEMO", "Recipe", "build", "demo", "open_dataset", "scenes_of"]


class Recipe(NamedTuple):
    """What a synthetic set is made from."""

    seed: int = 0
    split: str = "test"
    """`train`, `validation` or `test`: their seeds never meet."""
    videos: int = 8
    parts: tuple[str, ...] = tuple(Part)
    per_video: int = 5
    """Questions (or chains) of each part a video, at most."""
    per_part: Mapping[str, int] = {}
    """Another number for a part, by its name."""
    duration_s: tuple[float, float] = (45.0, 60.0)
    """Shortest and longest video; the others lie evenly between."""
    long_s: float | None = None
    """One more video of this length, which outlasts every window."""
    level: int = 2
    """Difficulty: 1 objects come and go, 2 they also move, 3 they also change colour, 4 more of them and several of a
    kind, 5 some are hidden for a while."""

    def numbers(self) -> dict[str, int]:
        """How many a video, by part."""
        return {part: self.per_part.get(part, self.per_video) for part in self.parts}

    def durations(self) -> list[float]:
        """Whole seconds, one a video."""
        low, high = self.duration_s
        step = (high - low) / max(1, self.videos - 1)
        lengths = [float(round(low + i * step)) for i in range(self.videos)]
        return lengths + ([self.long_s] if self.long_s else [])


DEMO = Recipe(videos=8, per_video=4, per_part={"reasoning": 12}, duration_s=(45.0, 60.0), long_s=120.0)
"""The set of `dsb demo`: all five parts, nine videos; the last one outlasts S2's window by far.

More questions on reasoning, where one draw of chance (S1, which sees nothing of it) is compared with another (the text
alone): with four a video such an interval says little."""


def build(
    out_dir: str | Path,
    recipe: Recipe = DEMO,
    *,
    overwrite: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Make the set in `out_dir`, or load it when it is there already; `progress(done, videos)`.

    One of another recipe makes room with all its files, unless `overwrite` is false. Raises `ConfigError` for that, for
    a recipe that can't be, and for a folder that holds something else.
    """
    _check(recipe)
    folder = Path(out_dir)
    stamp = {"recipe": {**recipe._asdict(), "parts": list(recipe.parts)}, "code": _code_hash()}
    with _only_one(folder):
        held = _made(folder, stamp)
        if held is not None:
            return held
        if not _is_of(folder, stamp):
            check_free(folder, overwrite=overwrite)
        remove(belongings(folder))
        return _make(folder, recipe, stamp, progress)


def scenes_of(recipe: Recipe) -> Iterator[scenes.Scene]:
    """The scenes of a recipe's videos, by seed."""
    durations = recipe.durations()
    seeds = world.split_seeds(world.Split(recipe.split), len(durations), start=recipe.seed * 10_000)
    for seed, duration in zip(seeds, durations, strict=True):
        yield scenes.script(seed, duration_s=duration, level=recipe.level)


def demo(*, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """The demo set, in the user's cache folder."""
    return build(cache_dir() / "demo", DEMO, progress=progress)


def open_dataset(path: str, *, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """The set that a configuration names: `demo`, an `all.json`, or the folder that holds one."""
    return demo(progress=progress) if path == "demo" else load_dataset(path)


def _check(recipe: Recipe) -> None:
    try:
        world.Split(recipe.split)
    except ValueError as error:
        known = ", ".join(world.Split)
        raise ConfigError(f"split {recipe.split!r} is unknown: choose one of {known}") from error
    unknown = [part for part in (*recipe.parts, *recipe.per_part) if part not in list(Part)]
    if unknown or not recipe.parts:
        text = f"part {unknown[0]!r} is unknown" if unknown else "no part is named"
        raise ConfigError(f"{text}: choose from {', '.join(Part)}")
    if min(recipe.videos, recipe.per_video, *recipe.per_part.values()) < 1 or recipe.seed < 0:
        raise ConfigError("videos, per_video and per_part must be at least 1, the seed at least 0")
    if not 10 <= recipe.duration_s[0] <= recipe.duration_s[1]:
        low, high = recipe.duration_s
        raise ConfigError(f"durations {low:g} to {high:g} s: the shorter first, and at least 10 s")


def _code_hash() -> str:
    """Of all code that a set depends on."""
    here, there = Path(__file__).parent, Path(scenes.__file__).parent
    files = [
        *sorted(here.glob("world*.py")),
        *sorted(there.glob("synth*.py")),
        *sorted(here.glob("synth*.py")),
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        text = f"{folder}: can't be written ({error.strerror})"
        raise ConfigError(f"{text}; choose another folder, or set DSB_CACHE") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _made(folder: Path, stamp: dict[str, Any]) -> Dataset | None:
    """The set, when this recipe made it and its files are whole."""
    file = folder / "recipe.json"
    if not file.exists():
        if (folder / "all.json").exists():
            raise ConfigError(
                f"{folder} holds a data set that `dsb data synth` did not make: choose another folder"
            )
        return None
    if not _is_of(folder, stamp):
        return None
    sizes = _held(folder).get("sizes", {})
    if any(not (folder / n).is_file() or (folder / n).stat().st_size != size for n, size in sizes.items()):
        return None
    return load_dataset(folder)


def _is_of(folder: Path, stamp: dict[str, Any]) -> bool:
    """Whether the folder's set is of this recipe and this code."""
    held = _held(folder)
    wanted: dict[str, Any] = json.loads(canonical(stamp))
    return {key: held.get(key) for key in stamp} == wanted


def _held(folder: Path) -> dict[str, Any]:
    try:
        held = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _make(
    folder: Path, recipe: Recipe, stamp: dict[str, Any], progress: Callable[[int, int], None] | None
) -> Dataset:
    samples: list[Sample] = []
    sizes: dict[str, int] = {}
    for number, scene in enumerate(scenes_of(recipe)):
        name = f"videos/{recipe.split}-{scene.seed:06d}.mp4"
        sha = _encode(scene, folder / name)
        sizes[name] = (folder / name).stat().st_size
        stream = Stream(uri=name, duration_s=scene.duration_s, sha256=sha)
        samples += samples_of(scene, stream, numbers=recipe.numbers(), split=recipe.split, seed=recipe.seed)
        if progress is not None:
            progress(number + 1, len(recipe.durations()))
    if not samples:
        raise DataError(f"{folder}: the recipe gives no question: make the videos longer")
    dataset = Dataset(folder / "all.json", f"synth-{recipe.split}-{recipe.seed}", tuple(samples))
    save_dataset(dataset)
    sizes["all.json"] = dataset.path.stat().st_size
    write_atomic(folder / "recipe.json", canonical({**stamp, "sizes": sizes}).encode() + b"\n")
    return dataset


def _encode(scene: scenes.Scene, path: Path) -> str:
    """Write the video under its name when it is whole; gives the file's SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.part.mp4")
    world.encode_video(scene, partial)
    with partial.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    partial.replace(path)
    return sha

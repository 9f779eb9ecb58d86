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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import bench.data.world as world
import shared.video.synth as scenes
from bench.data.dataset import Dataset, load_dataset, save_dataset
from bench.data.schema import AnswerSpec, Evidence, Gold, Part, Sample, Source, Span, Stream, Turn
from bench.files import cache_dir, canonical, write_atomic
from shared.errors import ConfigError, DataError
from shared.messages import Option

__all__ = ["DEMO", "Recipe", "build", "demo", "open_dataset"]


class Recipe(NamedTuple):
    """What a synthetic set is made from."""

    seed: int = 0
    split: str = "test"
    """`train`, `validation` or `test`: their seeds never meet."""
    videos: int = 8
    parts: tuple[str, ...] = (Part.REALTIME, Part.REASONING)
    per_video: int = 5
    """Questions of each part a video, at most."""
    duration_s: tuple[float, float] = (45.0, 60.0)
    """Shortest and longest video; the others lie evenly between."""
    long_s: float | None = None
    """One more video of this length, which outlasts every window."""
    level: int = 2
    """Difficulty: 1 objects come and go, 2 they also move, 3 they also change colour."""

    def durations(self) -> list[float]:
        """Whole seconds, one a video."""
        low, high = self.duration_s
        step = (high - low) / max(1, self.videos - 1)
        lengths = [float(round(low + i * step)) for i in range(self.videos)]
        return lengths + ([self.long_s] if self.long_s else [])


DEMO = Recipe(videos=8, per_video=5, duration_s=(45.0, 60.0), long_s=120.0)
"""The set of `dsb demo`: 90 questions about nine videos; the last one outlasts S2's window by far."""


def build(
    out_dir: str | Path, recipe: Recipe = DEMO, *, progress: Callable[[int, int], None] | None = None
) -> Dataset:
    """Make the set in `out_dir`, or load it when it is there already; `progress(done, videos)`.

    Raises `ConfigError` for a recipe that can't be, or a folder that holds something else.
    """
    _check(recipe)
    folder = Path(out_dir)
    stamp = {"recipe": {**recipe._asdict(), "parts": list(recipe.parts)}, "code": _code_hash()}
    with _only_one(folder):
        held = _made(folder, stamp)
        return held if held is not None else _make(folder, recipe, stamp, progress)


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
    unknown = [part for part in recipe.parts if part not in world.TASKS]
    if unknown or not recipe.parts:
        text = f"part {unknown[0]!r} has no synthetic questions" if unknown else "no part is named"
        raise ConfigError(f"{text}: choose from {', '.join(world.TASKS)}")
    if recipe.videos < 1 or recipe.per_video < 1 or recipe.seed < 0:
        raise ConfigError("videos and per_video must be at least 1, the seed at least 0")
    if not 10 <= recipe.duration_s[0] <= recipe.duration_s[1]:
        low, high = recipe.duration_s
        raise ConfigError(f"durations {low:g} to {high:g} s: the shorter first, and at least 10 s")


def _code_hash() -> str:
    """Of all code that a set depends on."""
    files = [*sorted(Path(__file__).parent.glob("world*.py")), Path(scenes.__file__), Path(__file__)]
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
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict) or {key: held.get(key) for key in stamp} != json.loads(canonical(stamp)):
        return None
    sizes = held.get("sizes", {})
    if any(not (folder / n).is_file() or (folder / n).stat().st_size != size for n, size in sizes.items()):
        return None
    return load_dataset(folder)


def _make(
    folder: Path, recipe: Recipe, stamp: dict[str, Any], progress: Callable[[int, int], None] | None
) -> Dataset:
    durations = recipe.durations()
    seeds = world.split_seeds(world.Split(recipe.split), len(durations), start=recipe.seed * 10_000)
    (folder / "recipe.json").unlink(missing_ok=True)
    samples: list[Sample] = []
    sizes: dict[str, int] = {}
    for number, (seed, duration) in enumerate(zip(seeds, durations, strict=True)):
        scene = scenes.script(seed, duration_s=duration, level=recipe.level)
        name = f"videos/{recipe.split}-{seed:06d}.mp4"
        sha = _encode(scene, folder / name)
        sizes[name] = (folder / name).stat().st_size
        stream = Stream(uri=name, duration_s=duration, sha256=sha)
        samples += _samples(scene, stream, recipe)
        if progress is not None:
            progress(number + 1, len(durations))
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
    sha = hashlib.sha256(partial.read_bytes()).hexdigest()
    partial.replace(path)
    return sha


def _samples(scene: scenes.Scene, stream: Stream, recipe: Recipe) -> list[Sample]:
    """One sample a question, in order of ask time."""
    found = [
        (question, part, number)
        for part in recipe.parts
        for number, question in enumerate(_questions(scene, part, recipe))
    ]
    found.sort(key=lambda item: (item[0].ask_s, item[1], item[2]))
    return [_sample(question, stream, recipe.split, scene, number) for question, _, number in found]


def _questions(scene: scenes.Scene, part: str, recipe: Recipe) -> Sequence[world.WorldQuestion]:
    name = next(known for known in world.TASKS if known == part)
    return world.questions(scene, name, seed=recipe.seed, n=recipe.per_video)


def _sample(
    asked: world.WorldQuestion, stream: Stream, split: str, scene: scenes.Scene, number: int
) -> Sample:
    spans = [Gold(from_s=g.from_s, to_s=g.to_s, value=g.key) for g in asked.gold_spans]
    answer = AnswerSpec(
        options=tuple(Option(key=choice.key, text=choice.text) for choice in asked.options),
        gold=tuple(spans) or (Gold(value=asked.gold),),
    )
    turn = Turn(
        question=asked.text,
        ask_s=asked.ask_s,
        answer=answer,
        evidence=tuple(Evidence(span=Span(from_s=a, to_s=b)) for a, b in asked.evidence),
        ability=asked.difficulty,
    )
    pointer = f"{split}/{scene.seed}/{asked.part}/{number}"
    digest = hashlib.sha1(canonical(turn.model_dump(mode="json")).encode()).hexdigest()[:8]
    return Sample(
        id=f"synth/{pointer}#{digest}",
        part=Part(asked.part),
        task=asked.task.value,
        streams=(stream,),
        turns=(turn,),
        source=Source(bench="synth", subset=split, pointer=pointer),
    )

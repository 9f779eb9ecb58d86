"""A small run by batch: frames in a folder, questions about them, and models behind a server on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bench_kit
import five_parts
import tiny_llava

from bench.batch import BatchRun, begin, gone_on_with
from bench.data import Dataset, save_dataset
from bench.data.schema import Sample, Stream
from bench.run.config import RunConfig, config_of
from bench.run.folder import RunFolder
from bench.run.records import Record, strip_timings
from shared.video import encode_jpeg
from shared.vlm.providers.vlm import Backoff

FRAMES = 14
QUICK = Backoff(first_s=0.01, most_s=0.02)


def says(texts: list[str]) -> str:
    """An answer that depends on every word that was asked, and on nothing else."""
    digest = hashlib.sha256("\0".join(texts).encode()).digest()[0]
    asked = texts[-1].lower()
    if "yes or no" in asked:
        return ("yes", "No.")[digest % 2]
    if "letter" in asked:
        return "ABCD"[digest % 4]
    return f"{digest % 5}" if "number" in asked else f"words {digest}"


def stream(folder: Path) -> Stream:
    """A video of so many seconds."""
    frames = folder / "frames"
    frames.mkdir(exist_ok=True)
    for i, image in enumerate(tiny_llava.images(FRAMES)):
        (frames / f"{i}.jpg").write_bytes(encode_jpeg(image, quality=90))
    return Stream(uri=str(frames), duration_s=FRAMES)


def choices(folder: Path, count: int = 6) -> list[Sample]:
    """Questions that need no answer of one another."""
    video = stream(folder)
    named = [bench_kit.sample(f"s{i}", gold="B", ask_s=2.0 + i) for i in range(count)]
    return [sample.model_copy(update={"streams": (video,)}) for sample in named]


def all_parts(folder: Path) -> list[Sample]:
    """Every part and form: chains, ticks and polls."""
    return five_parts.samples(stream(folder), "v")


def config(folder: Path, samples: Sequence[Sample], backend: str, base_url: str, **more: Any) -> RunConfig:
    """S1 and S2 behind the server, memory off; `more` are sections."""
    save_dataset(Dataset(folder / "all.json", "kit", tuple(samples)))
    model = {"backend": backend, "path": "m", "base_url": base_url, "price": [1.0, 4.0]}
    sections: dict[str, Any] = {
        "dataset": {"path": str(folder / "all.json")},
        "model": {"s1": model, "s2": model},
        "memory": {"enabled": False},
        "output": {"dir": str(folder / "runs"), "name": "it"},
    }
    return config_of({key: {**value, **more.pop(key, {})} for key, value in sections.items()} | more)


def batch_run(asked: RunConfig, **options: Any) -> tuple[BatchRun, RunFolder, list[str]]:
    """A run that begins or goes on, its folder, and what it says."""
    said: list[str] = []
    prepared = begin(asked, **options)
    return BatchRun(prepared, say=said.append, backoff=QUICK), prepared.folder, said


def again(folder: RunFolder) -> BatchRun:
    """The same run in a new process."""
    return BatchRun(gone_on_with(folder), say=lambda text: None, backoff=QUICK)


def to_the_end(run: BatchRun, *, most: int = 12) -> None:
    """Collect until it is complete."""
    run.submit()
    for _ in range(most):
        if run.collect():
            return
    raise AssertionError(f"not complete after {most} looks: {run.state.batches}")


def kept(records: Sequence[Record]) -> list[dict[str, Any]]:
    """What a run by batch and an offline one must agree in: all but timings, prices, and what came first."""
    found = [strip_timings(record) for record in records]
    for item in found:
        del item["usage"]["cost_usd"]
    return sorted(
        found, key=lambda one: (one["key"], one["path"], one["kind"], one.get("tick", 0), one["probe"])
    )

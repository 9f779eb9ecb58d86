"""`dsb models fetch`: a model's files from a hub into a folder, for machines that are offline later.

Only what is loaded here is taken: safetensors, configurations, tokenizers and templates; never a pickle or code. A
broken connection goes on where it was; started again, a fetch keeps the files that are whole. A manifest keeps
the revision and the SHA-256 of every file.
"""

from __future__ import annotations

import fnmatch
import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from bench.fetch.hub import Hub
from bench.fetch.modelscope import ModelScope
from bench.fetch.source import Listing, Source, Wanted
from bench.files import canonical, write_atomic
from shared.errors import ConfigError, DataError, ModelError

__all__ = ["MANIFEST", "Fetched", "SourceName", "fetch_model", "routes_in", "source_named"]

SourceName = Literal["hub", "modelscope"]
_SOURCES: dict[SourceName, type[Hub] | type[ModelScope]] = {"hub": Hub, "modelscope": ModelScope}

MANIFEST = "dsb-fetch.json"
"""Beside the files; no part of the model's fingerprint."""
_TAKEN = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.md", "LICENSE*", "NOTICE*")
_ROUTER = ("*.json", "*.toml", "*.md", "LICENSE*", "NOTICE*")
_LEFT = ("onnx/*", "openvino/*", "original/*", ".*", "*/.*", MANIFEST)
_SPARE = 64 << 20
"""Bytes of the disk that stay free."""


class Fetched(NamedTuple):
    """What is in the folder now."""

    folder: Path
    revision: str
    """The commit; on ModelScope the branch or tag, since its listing names no commit."""
    files: int
    size: int
    """Bytes."""


def fetch_model(
    name: str, to: Path, *, revision: str | None = None, source: SourceName = "hub", router: bool = False
) -> Fetched:
    """Fetch `owner/name` into a folder; raises `ModelError` (source, network) or `DataError` (disk).

    A `router` is policy files (JSON, TOML), which need no weights.
    """
    place: Source = _SOURCES[source]()
    found = place.listing(name, revision)
    wanted = Listing(found.revision, _taken(name, found.files, router=router))
    _room(to, wanted.files)
    place.take(name, wanted, to)
    return _recorded(name, to, place, revision, wanted)


def source_named(text: str) -> SourceName:
    """The source that a user means; raises `ConfigError`."""
    for name in _SOURCES:
        if name == text:
            return name
    raise ConfigError(f"--source {text!r} is unknown: choose {' or '.join(_SOURCES)}")


def routes_in(folder: Path) -> list[str]:
    """Names of the routes that a fetched folder's policy files make; raises `ModelError` when there are none."""
    from shared.routing.files import kind_of_file

    kinds = {path: kind_of_file(path) for path in sorted(folder.glob("*.json")) if path.name != MANIFEST}
    routes = [f"{kind}:{path}" for path, kind in kinds.items() if kind]
    routes += [f"rule:{path}" for path in sorted(folder.glob("*.toml"))]
    if not routes:
        raise ModelError(f"{folder} holds no policy file: fetch models without --router")
    return routes


def _taken(name: str, files: Sequence[Wanted], *, router: bool) -> list[Wanted]:
    """Those that are loaded here; nothing may lie outside of the folder."""
    wanted = _ROUTER if router else _TAKEN
    taken = [file for file in files if _matches(file.path, wanted) and not _matches(file.path, _LEFT)]
    for file in taken:
        if file.path.startswith("/") or ".." in PurePosixPath(file.path).parts:
            raise ModelError(f"{name!r} lists a file outside of its folder, {file.path!r}: don't use it")
    if router and not any(file.path.endswith((".json", ".toml")) for file in taken):
        raise ModelError(f"{name!r} has no policy file (*.json, *.toml): fetch models without --router")
    if not router and not any(file.path.endswith(".safetensors") for file in taken):
        raise ModelError(f"{name!r} has no *.safetensors, and nothing else is loaded: take another model")
    return sorted(taken)


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _room(to: Path, wanted: Sequence[Wanted]) -> None:
    """Refuse before the first byte when the rest of the files does not fit."""
    missing = sum(file.size for file in wanted if not _there(to / file.path, file.size))
    place = next(parent for parent in (to, *to.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(place).free
    if missing + _SPARE > free:
        raise DataError(
            f"{missing / 1e9:.1f} GB are to be fetched, and {free / 1e9:.1f} GB are free at {place}: "
            "make room, or give another folder with --to"
        )


def _there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _recorded(name: str, to: Path, place: Source, revision: str | None, wanted: Listing) -> Fetched:
    files: dict[str, dict[str, object]] = {}
    for file in wanted.files:
        path = to / file.path
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if file.sha256 and digest != file.sha256:
            path.unlink()
            raise ModelError(
                f"{file.path} of {name!r} is damaged: SHA-256 {digest[:12]}…, the {place.name} says "
                f"{file.sha256[:12]}…; it was removed: fetch again"
            )
        files[file.path] = {"bytes": path.stat().st_size, "sha256": digest}
    manifest = {
        "name": name,
        "source": place.name,
        "asked": revision or place.default,
        "revision": wanted.revision,
        "files": files,
    }
    write_atomic(to / MANIFEST, canonical(manifest).encode() + b"\n")
    return Fetched(to, wanted.revision, len(files), sum((to / path).stat().st_size for path in files))

"""`dsb models fetch`: a model's files from a hub into a folder, for machines that are offline later.

Only what is loaded here is taken: safetensors, configurations, tokenizers and templates; never a pickle or code. A
broken connection goes on where it was; started again, a fetch keeps the files that are whole. A manifest keeps
the commit and the SHA-256 of every file.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from bench.files import canonical, write_atomic
from shared.errors import DataError, ModelError

__all__ = ["MANIFEST", "Fetched", "fetch_model"]

MANIFEST = "dsb-fetch.json"
"""Beside the files; no part of the model's fingerprint."""
_TAKEN = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.md", "LICENSE*", "NOTICE*")
_LEFT = ("onnx/*", "openvino/*", "original/*", ".*", "*/.*", MANIFEST)
_SPARE = 64 << 20
"""Bytes of the disk that stay free."""


class Fetched(NamedTuple):
    """What is in the folder now."""

    folder: Path
    revision: str
    """The commit."""
    files: int
    size: int
    """Bytes."""


class _Wanted(NamedTuple):
    path: str
    size: int
    sha256: str
    """Empty where the hub does not tell it: small files are kept by git."""


def fetch_model(name: str, to: Path, *, revision: str | None = None) -> Fetched:
    """Fetch `owner/name` from the hub at `HF_ENDPOINT`; raises `ModelError` (hub, network) or `DataError` (disk)."""
    api = _api()
    commit, wanted = _listing(api, name, revision)
    if not any(file.path.endswith(".safetensors") for file in wanted):
        raise ModelError(f"{name!r} has no *.safetensors, and nothing else is loaded: take another model")
    _room(to, wanted)
    try:
        api.snapshot_download(
            name, revision=commit, local_dir=to, allow_patterns=[file.path for file in wanted]
        )
    except Exception as error:
        raise _refusal(name, error) from error
    return _recorded(name, to, commit, revision, wanted)


def _api() -> Any:
    try:
        from huggingface_hub import HfApi, utils
    except ImportError as error:
        raise ModelError(
            "fetching needs the package 'huggingface_hub': pip install 'dualstreambench[vlm]'"
        ) from error
    bars: Any = utils  # its stubs leave this one out
    if not sys.stderr.isatty():
        bars.disable_progress_bars()
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)


def _listing(api: Any, name: str, revision: str | None) -> tuple[str, list[_Wanted]]:
    try:
        info = api.model_info(name, revision=revision, files_metadata=True)
    except Exception as error:
        raise _refusal(name, error) from error
    found = [
        _Wanted(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else "")
        for file in info.siblings
        if _matches(file.rfilename, _TAKEN) and not _matches(file.rfilename, _LEFT)
    ]
    return str(info.sha), sorted(found)


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _room(to: Path, wanted: list[_Wanted]) -> None:
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


def _recorded(name: str, to: Path, commit: str, revision: str | None, wanted: list[_Wanted]) -> Fetched:
    files: dict[str, dict[str, object]] = {}
    for file in wanted:
        path = to / file.path
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if file.sha256 and digest != file.sha256:
            path.unlink()
            raise ModelError(
                f"{file.path} of {name!r} is damaged: SHA-256 {digest[:12]}…, the hub says {file.sha256[:12]}…; "
                "it was removed: fetch again"
            )
        files[file.path] = {"bytes": path.stat().st_size, "sha256": digest}
    manifest = {
        "name": name,
        "source": "hub",
        "asked": revision or "main",
        "revision": commit,
        "files": files,
    }
    write_atomic(to / MANIFEST, canonical(manifest).encode() + b"\n")
    return Fetched(to, commit, len(files), sum((to / path).stat().st_size for path in files))


def _refusal(name: str, error: Exception) -> ModelError:
    """One line, whatever the client raised."""
    from huggingface_hub import errors as hub

    if isinstance(error, hub.OfflineModeIsEnabled) or isinstance(error.__cause__, hub.OfflineModeIsEnabled):
        return ModelError(
            f"{name!r} can't be fetched: HF_HUB_OFFLINE is set; unset it, or copy the folder over"
        )
    if isinstance(error, hub.GatedRepoError):
        return ModelError(f"{name!r} is gated: accept its terms on the hub, and give a token in HF_TOKEN")
    if isinstance(error, hub.RevisionNotFoundError):
        return ModelError(f"{name!r} has no such revision: give a branch, tag or commit with --revision")
    if isinstance(error, hub.RepositoryNotFoundError):
        return ModelError(
            f"the hub has no model {name!r}, or it is private: look at its name, or set HF_TOKEN"
        )
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelError(
        f"{name!r} can't be fetched ({reason}): look at the network and HF_ENDPOINT; then go on again"
    )

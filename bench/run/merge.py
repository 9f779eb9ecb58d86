"""Merging: the shards of a run become the one run that they are parts of.

The merged folder's records are those of its shards, one file after the other, byte for byte; merging again
gives the same bytes. Nothing is merged before every shard is complete, of the same data, settings and models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.run.folder import RunFolder
from bench.run.lines import whole_lines
from bench.run.manifest import Manifest
from bench.run.shards import Shard
from shared.errors import ConfigError, DataError

__all__ = ["merge", "shard_folder", "shard_folders"]

_JOINED = ("records.jsonl", "plays.jsonl")
_LETTERS = "dead_letters.jsonl"


def shard_folder(whole: Path, shard: Shard) -> RunFolder:
    """Where a shard of a run is kept; it need not be there yet."""
    return RunFolder(whole / "shards" / shard.name)


def shard_folders(whole: RunFolder) -> list[RunFolder]:
    """The folders of all shards of a run, by number; raises `DataError` when it is not a sharded one."""
    of = whole.manifest().shards
    if not of:
        raise DataError(f"{whole.path} was not run in shards: name the folder that `dsb run-all` made")
    return [shard_folder(whole.path, Shard(number, of)) for number in range(1, of + 1)]


def merge(whole: RunFolder) -> None:
    """Make the whole run of its shards; raises `ConfigError` when one is not complete, or does not belong."""
    folders = shard_folders(whole)
    manifest = whole.manifest()
    held = [_checked(folder, manifest) for folder in folders]
    with whole.locked():
        for name in _JOINED:
            whole.write_bytes(name, _joined(folders, name))
        if any((folder.path / _LETTERS).exists() for folder in folders):
            whole.write_bytes(_LETTERS, _joined(folders, _LETTERS))
        whole.write_manifest(manifest.model_copy(update={"status": "complete", "models": _models(held)}))


def _checked(folder: RunFolder, whole: Manifest) -> Manifest:
    if not (folder.path / "manifest.json").is_file():
        raise ConfigError(f"shard {folder.path.name} has not been run: run it, or copy its folder there")
    own = folder.manifest()
    if own.status != "complete":
        raise ConfigError(f"shard {folder.path.name} is {own.status}: go on with the same `dsb run-all`")
    if own.data.whole != whole.data.hash or own.identity != whole.identity:
        raise ConfigError(f"{folder.path} is a shard of another run: its data or settings differ")
    return own


def _models(held: Sequence[Manifest]) -> dict[str, object]:
    models: dict[str, object] = {}
    for manifest in held:
        for system, model in manifest.models.items():
            if models.setdefault(system, model) != model:
                text = f"shard {manifest.shard} had another {system} ({model}) than the shards before"
                raise ConfigError(f"{text} ({models[system]}): run it again with the same model")
    return models


def _joined(folders: Sequence[RunFolder], name: str) -> Iterator[bytes]:
    for folder in folders:
        yield from whole_lines(folder.path / name)

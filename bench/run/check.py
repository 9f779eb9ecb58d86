"""Checking a run folder as a whole: its lines, its records, its data, and the data set it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.data.dataset import load_dataset
from bench.run.audit import Audit, Violation, audit_run
from bench.run.config import RunConfig, config_of
from bench.run.folder import RunFolder
from bench.run.manifest import Manifest
from bench.run.merge import shard_folders
from shared.errors import ConfigError, DataError

__all__ = ["Checked", "check_folder"]


class Checked(NamedTuple):
    """What was looked at, and every problem found."""

    run: Path
    audit: Audit
    about_data: tuple[Violation, ...]
    """Of the folder's own samples, the data set, and shards."""
    set_found: bool
    """Whether the data set is still where the run found it."""

    @property
    def problems(self) -> tuple[Violation, ...]:
        """All of them."""
        return self.about_data + self.audit.violations

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        counts = {name: getattr(self.audit, name) for name in Audit._fields if name != "violations"}
        problems = [problem._asdict() for problem in self.problems]
        return {"run": str(self.run), **counts, "set_found": self.set_found, "problems": problems}


def check_folder(folder: RunFolder, *, complete: bool = True, origin: bool = True) -> Checked:
    """Check everything; `complete` also demands every final that is owed. Raises `DataError` without a manifest.

    `origin` compares the data set that the run was made from, too, where it is still there.
    """
    manifest, dataset = folder.manifest(), folder.dataset()
    config = config_of(manifest.settings)
    found = list(_own(folder, manifest, dataset.hash))
    if complete:
        found += _shards(folder, manifest)
    here = Path(manifest.data.path)
    if origin and here.exists():
        found += _origin(here, manifest, config)
    seen = audit_run(folder, complete=complete, dataset=dataset)
    return Checked(folder.path, seen, tuple(found), here.exists())


def _own(folder: RunFolder, manifest: Manifest, held: str) -> Iterator[Violation]:
    if held != manifest.data.hash:
        text = f"samples.json has hash {held}, the manifest says {manifest.data.hash}: restore it"
        yield Violation(0, "data", "", "", text)
    try:
        folder.attempts()
    except DataError as error:
        yield Violation(0, "schema", "", "", str(error))


def _origin(path: Path, manifest: Manifest, config: RunConfig) -> Iterator[Violation]:
    """The set itself may have been changed since."""
    wanted = manifest.data.whole or manifest.data.hash
    chosen = config.dataset
    try:
        held = load_dataset(path).select(parts=chosen.parts, max_samples=chosen.max_samples).hash
    except (DataError, ConfigError) as error:
        yield Violation(0, "data", "", "", str(error))
        return
    if held != wanted:
        text = f"{path} has changed since: its hash is {held}, the run's {wanted}"
        yield Violation(0, "data", "", "", text)


def _shards(folder: RunFolder, manifest: Manifest) -> Iterator[Violation]:
    if not manifest.shards or manifest.status == "complete":
        return
    for shard in shard_folders(folder):
        made = (shard.path / "manifest.json").is_file()
        status = shard.manifest().status if made else "not begun"
        text = f"shard {shard.path.name} is {status}" + ("; not merged" if status == "complete" else "")
        yield Violation(0, "shards", "", "", text)

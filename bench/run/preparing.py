"""What a run needs before it plays: its data, its plays, its folder, and which plays lack an answer.

A shard of a run has a folder of its own within the whole run's, and keeps the whole run's name and the
numbers of its plays; whoever comes first makes the whole run's folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench.data import Dataset
from bench.data.synth import open_dataset
from bench.files import canonical
from bench.run.config import RunConfig
from bench.run.folder import RunFolder
from bench.run.manifest import Manifest, check_resume, make_manifest
from bench.run.merge import shard_folder
from bench.run.plan import Play, known_paths, plan, questions
from bench.run.records import complete_openings
from bench.run.shards import Shard, assign, parse_shard
from shared.errors import ConfigError
from shared.video.source import kind_of

__all__ = ["Prepared", "Whole", "left", "prepare", "prepare_shard", "resumable", "whole_run"]


@dataclass(frozen=True)
class Prepared:
    """A run that can be played."""

    run: str
    config: RunConfig
    folder: RunFolder
    plays: Sequence[Play]
    """All of them."""
    left: Sequence[Play]
    """Those that lack a final."""


@dataclass(frozen=True)
class Whole:
    """A run that is played in shards."""

    config: RunConfig
    dataset: Dataset
    folder: RunFolder
    shares: Sequence[Sequence[Play]]
    """The plays of each shard."""

    def left(self, number: int) -> list[Play]:
        """The plays of a shard (from 1) that lack a final."""
        share = self.shares[number - 1]
        folder = shard_folder(self.folder.path, Shard(number, len(self.shares)))
        return left(self.config, folder, share) if folder.records_path.exists() else list(share)


def prepare(config: RunConfig, *, resume: RunFolder | None = None, local: bool = False) -> Prepared:
    """Load the data and begin a run folder, or go on with `resume`; raises `ConfigError` or `DataError`.

    With `local`, videos are read on this machine: one that is not there is a `VideoError` now, not later.
    """
    if resume is not None and resume.manifest().shard:
        return _resume_shard(config, resume, local=local)
    dataset = _dataset(config)
    plays = plan(dataset, config.ask_rules())
    _check_videos(plays, local)
    if resume is not None:
        manifest = resume.manifest()
        if manifest.shards:
            raise ConfigError(f"{resume.path} is played in shards: go on with the `dsb run-all` that made it")
        check_resume(manifest, config, dataset)
        return Prepared(manifest.run, config, resume, plays, left(config, resume, plays))
    run = _run_name()
    folder = Path(config.output.dir) / (config.output.name or run)
    made = RunFolder.create(
        folder, make_manifest(config, dataset, run=run, codec=_codec(), command=tuple(sys.argv)), dataset
    )
    return Prepared(run, config, made, plays, plays)


def prepare_shard(config: RunConfig, shard: Shard, *, local: bool = False) -> Prepared:
    """Begin a shard of a run, or go on with it; raises `ConfigError` or `DataError`."""
    whole = whole_run(config, shard.of)
    plays = whole.shares[shard.number - 1]
    _check_videos(plays, local)
    folder = shard_folder(whole.folder.path, shard)
    samples = tuple(itertools.chain.from_iterable(play.samples for play in plays))
    part = whole.dataset._replace(samples=samples)
    if (folder.path / "manifest.json").exists():
        check_resume(folder.manifest(), config, part)
    else:
        RunFolder.create(folder.path, _shard_manifest(whole, part, shard), part)
    return Prepared(folder.manifest().run, config, folder, plays, left(config, folder, plays))


def _resume_shard(config: RunConfig, folder: RunFolder, *, local: bool) -> Prepared:
    whole = folder.path.resolve().parent.parent
    config = config.override({"output.dir": str(whole.parent), "output.name": whole.name})
    return prepare_shard(config, parse_shard(folder.manifest().shard), local=local)


def whole_run(config: RunConfig, of: int, *, adopt: bool = False, begin: bool = True) -> Whole:
    """The run of which shards are played; raises `ConfigError` when its folder holds another one.

    With `adopt`, a run that was begun with another number of shards keeps that, and there are no more shards
    than videos. Without `begin` nothing is written.
    """
    dataset = _dataset(config)
    plays = plan(dataset, config.ask_rules())
    path = Path(config.output.dir) / (config.output.name or _lasting_name(config, dataset))
    of = min(of, len(plays)) if adopt else of
    with _alone(path) if begin else nullcontext():
        folder = RunFolder(path)
        if (path / "manifest.json").exists():
            of = _check_shards(folder, None if adopt else of)
            check_resume(folder.manifest(), config, dataset)
        shares = assign(plays, of, config.system.route)
        if begin and not (path / "manifest.json").exists():
            manifest = make_manifest(
                config, dataset, run=_run_name(), codec=_codec(), command=tuple(sys.argv)
            )
            RunFolder.create(path, manifest.model_copy(update={"shards": of}), dataset)
    return Whole(config, dataset, folder, shares)


def left(config: RunConfig, folder: RunFolder, plays: Sequence[Play]) -> list[Play]:
    """The plays that lack a final in the folder's records."""
    route = config.system.route
    items = {play.number: questions(play, "plan") for play in plays}
    done = complete_openings(folder.scored(), items, lambda item: known_paths(item, route))
    return [play for play in plays if play.number not in done]


def resumable(directory: str, name: str) -> RunFolder:
    """The folder to go on with: a path, a name below `directory`, or `last`, the newest incomplete one."""
    if name != "last":
        path = Path(name)
        return RunFolder.open(path if path.is_dir() else Path(directory) / name)
    found = [RunFolder(file.parent) for file in Path(directory).glob("*/manifest.json")]
    open_ones = [folder for folder in found if folder.manifest().status != "complete"]
    if not open_ones:
        raise ConfigError(f"no run in {directory} can be resumed: all are complete, or none is there")
    return max(open_ones, key=lambda folder: folder.manifest().created)


def _dataset(config: RunConfig) -> Dataset:
    chosen = config.dataset
    return open_dataset(chosen.path).select(parts=chosen.parts, max_samples=chosen.max_samples)


def _check_videos(plays: Sequence[Play], local: bool) -> None:
    for play in plays if local else ():
        kind_of(play.uri)


def _run_name() -> str:
    return f"{time.strftime('%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def _lasting_name(config: RunConfig, dataset: Dataset) -> str:
    """The same for the same settings and data, so that a second call finds what the first one left."""
    what = canonical({"settings": config.identity(), "data": dataset.hash})
    return f"shards-{hashlib.sha256(what.encode()).hexdigest()[:8]}"


def _shard_manifest(whole: Whole, part: Dataset, shard: Shard) -> Manifest:
    head = whole.folder.manifest()
    made = make_manifest(whole.config, part, run=head.run, codec=_codec(), command=tuple(sys.argv))
    data = made.data.model_copy(update={"whole": head.data.hash})
    return made.model_copy(update={"shard": str(shard), "data": data})


def _check_shards(folder: RunFolder, of: int | None) -> int:
    held = folder.manifest().shards
    if not held:
        raise ConfigError(f"{folder.path} holds a run that is not sharded: choose another output.name")
    if of not in (None, held):
        text = f"{folder.path} was begun with {held} shards, not {of}"
        raise ConfigError(f"{text}: say --shards k/{held}, or choose another output.name")
    return held


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Several shards may begin at once: one of them makes the folder."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / ".begin").open("w")
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be written ({error.strerror}): choose another output.dir"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _codec() -> str:
    from shared.video import codec_name

    return codec_name()

"""Beginning a run by batch, or going on with one: its folder, and what is refused before anything is spent."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.batch.state import Store
from bench.files import canonical
from bench.run.config import RunConfig, config_of
from bench.run.folder import RunFolder
from bench.run.preparing import Prepared, prepare
from shared.errors import ConfigError
from shared.routing import is_plain
from shared.vlm.providers import PROVIDERS

__all__ = ["STATE", "begin", "check", "gone_on_with", "place_of"]

STATE = "batch"
"""The folder of state, within a run's."""


def check(config: RunConfig) -> RunConfig:
    """The configuration as it is asked by batch; raises `ConfigError` where it can't be."""
    if not batched(config):
        known = ", ".join(PROVIDERS)
        raise ConfigError(
            f"neither model is a provider's ({known}): nothing to hand in; use `dsb run --mode offline`"
        )
    if config.stream.mode == "live":
        raise ConfigError("stream.mode is 'live', and a batch has no clock: use `dsb run`, or another mode")
    if not is_plain(config.system.route):
        raise ConfigError(
            f"system.route is {config.system.route!r}, which decides question by question while it runs: "
            "ask `both` by batch, and replay the router on that run"
        )
    if also := config.profile().notes.also:
        raise ConfigError(
            f"memory.also is {', '.join(also)}, which a later question reads: by batch all are asked at once; "
            "leave it empty"
        )
    source = config.memory.source
    if source != "s1" and config.memory.recall().reads and "s1" in batched(config):
        raise ConfigError(
            f"memory.source is {source!r}, whose notes are written before anything is asked: "
            "by batch that takes a local model.s1"
        )
    return config.override({"stream.mode": "offline"})


def batched(config: RunConfig) -> list[str]:
    """The systems whose model is a provider's."""
    models = {"s1": config.model.s1, "s2": config.model.s2}
    return [system for system, spec in models.items() if spec.backend in PROVIDERS]


def place_of(config: RunConfig) -> Path:
    """The run folder: the same for the same settings, so that a second call finds what the first one left."""
    what = hashlib.sha256(canonical(config.identity()).encode()).hexdigest()[:8]
    return Path(config.output.dir) / (config.output.name or f"batch-{what}")


def begin(config: RunConfig, *, clean: bool = False) -> Prepared:
    """Begin a run, or go on with the one of the same settings; raises `ConfigError` or `DataError`.

    With `clean` an earlier one is put aside, unless batches of it are under way.
    """
    config = check(config)
    place = place_of(config)
    if clean:
        _put_aside(place)
    if (place / "manifest.json").exists():
        return _go_on(RunFolder.open(place), config)
    prepared = prepare(config.override({"output.name": place.name}), local=True)
    return _marked(prepared)


def gone_on_with(folder: RunFolder) -> Prepared:
    """The run of a folder; raises `ConfigError` or `DataError`."""
    if not folder.manifest().batch and folder.records_path.exists():
        raise ConfigError(
            f"{folder.path} was not made by batch, so no batches of it are under way: go on with "
            f"`dsb run --resume {folder.path}`, or hand a configuration in with `dsb batch submit`"
        )
    return _go_on(folder, config_of(folder.manifest().settings))


def _go_on(folder: RunFolder, config: RunConfig) -> Prepared:
    ours = bool(folder.manifest().batch)
    if not ours and folder.records_path.exists():
        raise ConfigError(f"{folder.path} holds a run that was not made by batch: choose another output.name")
    prepared = prepare(config.override({"output.name": folder.path.name}), resume=folder, local=True)
    return prepared if ours else _marked(prepared)


def _marked(prepared: Prepared) -> Prepared:
    """The manifest says by what the answers come."""
    models = {"s1": prepared.config.model.s1, "s2": prepared.config.model.s2}
    told = {
        "systems": {name: models[name].backend for name in batched(prepared.config)},
        "latency": "none: answers by batch come within a day, and say nothing of a model's speed",
    }
    manifest = prepared.folder.manifest()
    prepared.folder.write_manifest(manifest.model_copy(update={"batch": told}))
    return prepared


def _put_aside(place: Path) -> None:
    if not place.exists():
        return
    folder, store = RunFolder(place), Store(place / STATE)
    with folder.locked():
        under_way = [batch for batch in store.load().open if batch.stage != "planned"]
        if under_way:
            raise ConfigError(
                f"{len(under_way)} batches of {place} are under way, and paid: "
                f"`dsb batch cancel {place}` and `dsb batch collect {place}` first, or choose another --name"
            )
        number = next(n for n in range(1, 10_000) if not place.with_name(f"{place.name}.{n}").exists())
        place.rename(place.with_name(f"{place.name}.{number}"))

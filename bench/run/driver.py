"""Playing a prepared run, whatever the mode: the plays that lack a final are played, and the folder is marked.

An interrupted run keeps everything that was written; what it lacks is played by the next call.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from bench.run.compact import Compactor
from bench.run.config import RunConfig
from bench.run.embedded import Stack, StackSpec
from bench.run.folder import RunFolder, RunWriter
from bench.run.letters import dead_letters
from bench.run.listener import Listener, Silent
from bench.run.orchestrate import Job, run_plays
from bench.run.preparing import Prepared, left, prepare, prepare_shard, resumable
from bench.run.serial import run_offline
from bench.run.stop import Stop, on_signals
from shared import tracing
from shared.bus import Bus, discover, lacking
from shared.errors import ConfigError, TransportError
from shared.logs import get_logger
from shared.settings import BusSettings, load
from shared.vlm.spec import ModelSpec

__all__ = ["Prepared", "model_env", "play", "prepare", "prepare_shard", "resumable", "stack_spec"]

Models = Mapping[str, Any]

_NAMED = ("model", "fingerprint")


def stack_spec(config: RunConfig, folder: FilePath, **more: Any) -> StackSpec:
    """An embedded stack that serves a run of `config`; `more` are other fields of `StackSpec`."""
    # A folder of its own, since `edge:` alone is forgotten when the process dies; it goes with the stack's store.
    store = (
        f"edge:{(folder / 'store' / 'memory').resolve()}"
        if config.memory.store == "edge:"
        else config.memory.store
    )
    own: dict[str, Mapping[str, str]] = {
        "s1": model_env(config.model.s1),
        "s2": model_env(config.model.s2),
        "memory": {"DSB_MEMORY_STORE": store, "DSB_MEMORY_ENCODER": config.memory.encoder},
    }
    for name, env in dict(more.pop("service_env", {})).items():
        own[name] = {**own.get(name, {}), **env}
    return StackSpec(folder=folder, service_env=own, **more)


def model_env(spec: ModelSpec) -> dict[str, str]:
    """A model's settings as a worker reads them from its environment; null is `null` where it is no default."""
    told = spec.model_dump(mode="json")
    return {
        f"DSB_MODEL__{key.upper()}": value if isinstance(value, str) else json.dumps(value)
        for key, value in told.items()
        if value is not None or ModelSpec.model_fields[key].default is not None
    }


def play(
    prepared: Prepared,
    *,
    nats: str = "",
    listener: Listener | None = None,
    stop: Stop | None = None,
    stack: StackSpec | None = None,
) -> bool:
    """Play all that is left; whether it is complete now. Blocks.

    Without `nats` an embedded stack is started for the run (as `stack` says, if given), in the run's folder.
    """
    with prepared.folder.writer(_shrink(prepared)) as writer:
        _mark(prepared, "running")
        try:
            if prepared.left:
                _play_left(prepared, writer, nats, listener or Silent(), stop, stack)
        finally:
            complete = not left(prepared.config, prepared.folder, prepared.plays)
            _mark(prepared, "complete" if complete else "interrupted")
    return complete


def _shrink(prepared: Prepared) -> Compactor | None:
    if not prepared.config.output.compact:
        return None
    return Compactor(sample for play in prepared.left for sample in play.samples)


def _play_left(
    prepared: Prepared,
    writer: RunWriter,
    nats: str,
    listener: Listener,
    stop: Stop | None,
    stack: StackSpec | None,
) -> None:
    tracing.start("bench")
    job = Job(prepared.run, prepared.config, prepared.left, writer, listener, prepared.plays)
    stop = stop or Stop()
    if prepared.config.stream.mode == "offline":
        with on_signals(stop):
            models = run_offline(job, stop)
        _note_models(prepared.folder, models)
        return
    if nats:
        with on_signals(stop):
            asyncio.run(_over(job, load(BusSettings, nats_url=nats), stop, prepared.folder))
        return
    spec = stack or stack_spec(prepared.config, prepared.folder.path / "stack")
    with Stack(spec) as running, on_signals(stop):
        asyncio.run(_over(job, running.bus_settings(), stop, prepared.folder))


async def _over(job: Job, settings: BusSettings, stop: Stop, folder: RunFolder) -> None:
    bus = await Bus.connect(settings, name=f"bench-{job.run}")
    try:
        await _await_streams(bus, settings.connect_timeout_s)
        _note_models(folder, await _models(bus))
        try:
            await run_plays(job, bus, stop)
        finally:
            await _keep_letters(job, bus, folder)
    finally:
        await bus.drain()


async def _await_streams(bus: Bus, within_s: float) -> None:
    """Wait for `dsb init`, which may be at it; raises `TransportError`."""
    deadline = time.monotonic() + within_s
    while missing := await lacking(bus, "bench"):
        if time.monotonic() > deadline:
            raise TransportError(missing)
        await asyncio.sleep(0.5)


async def _keep_letters(job: Job, bus: Bus, folder: RunFolder) -> None:
    """An embedded broker goes with its run: what it could not deliver stays with the records."""
    with contextlib.suppress(TransportError):
        if letters := await dead_letters(bus, run=job.run):
            folder.write_lines("dead_letters.jsonl", (letter.model_dump(mode="json") for letter in letters))


async def _models(bus: Bus) -> dict[str, Any]:
    """Name, fingerprint and what caches change, by system, as the workers tell."""
    models: dict[str, Any] = {}
    for service in await discover(bus):
        if service.service in ("s1", "s2"):
            told = {key: service.metadata.get(key, "") for key in _NAMED}
            moved = {
                key: text for key, text in service.metadata.items() if key == "cache_difference" and text
            }
            known = models.setdefault(service.service, told | moved)
            if any(known[key] != told[key] for key in _NAMED):
                get_logger().warning("workers_differ", service=service.service, one=known, other=told)
    return models


def _note_models(folder: RunFolder, models: Models) -> None:
    """Write the models down; a run is not gone on with by other ones."""
    manifest = folder.manifest()
    for system, model in models.items():
        known = manifest.models.get(system)
        if known and known["fingerprint"] != model["fingerprint"]:
            raise ConfigError(
                f"can't resume: {system} was {known['model']} ({known['fingerprint']}) and is "
                f"{model['model']} ({model['fingerprint']}); start the same model, or begin a new run"
            )
    folder.write_manifest(manifest.model_copy(update={"models": {**manifest.models, **models}}))


def _mark(prepared: Prepared, status: str) -> None:
    manifest = prepared.folder.manifest()
    prepared.folder.write_manifest(manifest.model_copy(update={"status": status}))

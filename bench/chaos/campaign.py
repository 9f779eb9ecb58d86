"""Many seeded plans on one stack, one after the other: resumable, each with a run folder of its own.

The stack serves them all, so that what one fault leaves behind is there when the next one strikes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from bench.chaos.backend import Backend, Job
from bench.chaos.conduct import Reference, conduct, play_plain
from bench.chaos.draw import draw
from bench.chaos.gaps import GAPS
from bench.chaos.outcome import Outcome, read_outcome
from bench.chaos.plan import BackendName, Fault, Kind, Plan
from bench.data.synth import Recipe
from bench.files import encoded, read_json, write_atomic
from bench.run.config import RunConfig
from bench.run.folder import RunFolder
from bench.run.manifest import running_code
from shared.errors import ConfigError

__all__ = ["FAST", "RECIPE", "STALL_S", "campaign", "write_config"]

RECIPE = Recipe(seed=5, videos=2, per_video=1, duration_s=(10.0, 14.0))
"""All five parts on two short videos: one play takes seconds."""
FAST = {"DSB_LEASE_TTL_S": "2", "DSB_JOB_ACK_WAIT_S": "3", "DSB_CAPACITY_MEMORY_S": "600"}
"""Leases and jobs are given up sooner than by default (6 and 30 s), so that a plan does not take half a minute. A
memory that is away is waited for: by default S2 goes on without it after 45 s, which changes answers as it should."""
STALL_S = 600.0
"""A busy machine may take long to start a service again; that is no failure of the run."""
_SHARES = (1.0, 0.25, 0.0)
"""A sound run that was over before a fault struck is played again with earlier faults: the machine got quicker."""


def write_config(config: RunConfig, file: Path) -> Path:
    """A run's settings as a file, for the command line."""
    text = yaml.safe_dump(config.model_dump(mode="json"), allow_unicode=True)
    write_atomic(file, text.encode())
    return file


def campaign(
    config: RunConfig,
    folder: Path,
    open_backend: Callable[[], AbstractContextManager[Backend]],
    *,
    plans: int,
    seed: int,
    name: BackendName = "embedded",
    env: Mapping[str, str] | None = None,
    say: Callable[[int, Outcome], None] = lambda number, outcome: None,
) -> list[Outcome]:
    """Play `plans` plans of a seed on one stack; those whose outcome is in `folder` already are not played again.

    `env` is what the backend gives its services; it is told in the plans. Raises `ConfigError` when the outcomes in
    `folder` are of other code or settings.
    """
    _require_alike(
        folder, {"code": running_code(), "config": config.model_dump(mode="json"), "env": dict(env or {})}
    )
    file = write_config(config, folder / "run.yaml")
    told = {"config": str(file), "backend": name, "seed": seed, "env": dict(env or {})}
    jobs = [Job(file, folder, f"seed{seed}-plan{number:03d}") for number in range(plans)]
    held = [read_outcome(job.folder) for job in jobs]
    if not all(held):
        with open_backend() as backend:
            reference = _reference(backend, Job(file, folder, "reference"))
            for number, job in enumerate(jobs):
                if held[number] is None:
                    held[number] = outcome = _play(backend, job, reference, number=number, told=told)
                    say(number, outcome)
    return [outcome for outcome in held if outcome]


def _require_alike(folder: Path, now: dict[str, Any]) -> None:
    note = folder / "played-by.json"
    if note.exists():
        held = read_json(note, remedy="remove it, and the folder beside it")
        if held != now:
            what = ", ".join(sorted(key for key in now if held.get(key) != now[key]))
            raise ConfigError(
                f"{folder} holds plans of other {what}: remove it, or choose another folder by --out"
            )
    else:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(note, encoded(now))


def _play(backend: Backend, job: Job, reference: Reference, *, number: int, told: dict[str, Any]) -> Outcome:
    def possible(fault: Fault) -> bool:
        return not backend.refusal(fault)

    gaps = [gap for gap in GAPS if possible(Fault(kind=Kind.KILL, at=gap))]
    for share in _SHARES:
        shutil.rmtree(job.folder, ignore_errors=True)
        length_s = share * reference.play_s
        faults = draw(number, seed=told["seed"], length_s=length_s, possible=possible, gaps=gaps)
        if share < 1:
            faults = tuple(fault.model_copy(update={"after_records": None}) for fault in faults)
        outcome = conduct(Plan(**told, faults=faults), backend, job, reference, limit_s=STALL_S)
        if not (outcome.missed and outcome.model_copy(update={"faults": ()}).sound):
            break
    return outcome


def _reference(backend: Backend, job: Job) -> Reference:
    """Played once a folder, behind a run that warms everything up: faults shall strike while a run still plays."""
    note = job.out / "reference.json"
    if note.exists():
        held = read_json(note, remedy="remove it, and the folder beside it")
        return Reference(RunFolder.open(job.folder), held["seconds"], held["play_s"])
    for one in (job._replace(name="warm-up"), job):
        shutil.rmtree(one.folder, ignore_errors=True)
        reference = play_plain(backend, one)
    told = {"seconds": reference.seconds, "play_s": reference.play_s}
    write_atomic(note, encoded(told))
    return reference

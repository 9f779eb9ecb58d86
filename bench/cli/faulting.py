"""What `dsb chaos` does: open the backend, play, print the tables."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

import typer

from bench.chaos import Job, Kind, Outcome, Plan, Reference, conduct, load_plan, play_plain, require
from bench.chaos.campaign import FAST, RECIPE, STALL_S, campaign, write_config
from bench.chaos.disk import can_mount
from bench.chaos.opening import open_backend
from bench.chaos.plan import BROKER, BackendName
from bench.chaos.table import by_fault, fault_sheet, summary, verdict
from bench.cli.playing import read
from bench.data.synth import build
from bench.files import cache_dir
from bench.report.sheet import print_sheet
from bench.run.config import load_config
from bench.run.folder import RunFolder
from shared.errors import ConfigError
from shared.logs import setup

__all__ = ["play_plan", "play_random"]

_ELSEWHERE = 16
"""Samples of the demo set, where the set of the embedded stack can't be seen; that one has fewer."""


def play_plan(file: str, *, backend: str, out: str, name: str) -> bool:
    """Play a plan, beside its reference; whether the run was sound."""
    setup("error", "console")
    plan = load_plan(file)
    if backend:
        plan = plan.model_copy(update={"backend": _known(backend)})
    name = name or f"chaos-{time.strftime('%m%d-%H%M%S', time.gmtime())}"
    config = read(plan.config, {**plan.settings, "output.dir": out})
    folder = Path(out)
    with tempfile.TemporaryDirectory(prefix="dsb-chaos-") as scratch:
        job = Job(write_config(config, Path(scratch) / "run.yaml"), folder, name)
        fills = any(one.kind is Kind.DISK_FULL and one.target == BROKER for one in plan.faults)
        backing = open_backend(
            plan.backend, config, Path(scratch), env=plan.env, counts=plan.counts, small_disk=fills
        )
        require(plan, backing)
        _say(f"starting the stack ({plan.backend})")
        with backing as opened:
            if (reference := _reference(plan)) is None:
                plain = job._replace(name=f"{name}-reference")
                _say(f"playing without faults: {plain.folder}")
                reference = play_plain(opened, plain)
            _say(f"playing under {len(plan.faults)} faults: {job.folder}")
            outcome = conduct(plan, opened, job, reference)
    print_sheet(fault_sheet(outcome))
    typer.echo(f"run folder: {job.folder}; without faults: {reference.folder.path}")
    return outcome.sound


def _say(what: str) -> None:
    typer.echo(what, err=True)


def _reference(plan: Plan) -> Reference | None:
    return Reference(RunFolder.open(plan.reference), 0.0, 0.0) if plan.reference else None


def play_random(plans: int, *, seed: int, backend: str, out: str) -> bool:
    """Play seeded plans; whether every run was sound."""
    setup("error", "console")
    name = _known(backend)
    folder = Path(out or f"runs/chaos-{name}-{seed}")
    config = load_config(None, {"stream.stall_s": STALL_S, "dataset.max_samples": _ELSEWHERE})
    if name == "embedded":
        data = build(cache_dir() / "chaos", RECIPE)
        config = config.override({"dataset.path": str(data.path)})

    # Leases of other stacks are as their streams were made.
    env = FAST if name == "embedded" else {}

    def say(number: int, outcome: Outcome) -> None:
        faults = "; ".join(_told(one.fault, one.recovery_s) for one in outcome.faults)
        typer.echo(f"{number:4d}  {outcome.seconds:6.1f} s  {verdict(outcome)}  [{faults}]")
        sys.stdout.flush()

    outcomes = campaign(
        config,
        folder,
        lambda: open_backend(name, config, folder / "stack", env=env, small_disk=can_mount()),
        plans=plans,
        seed=seed,
        name=name,
        env=env,
        say=say,
    )
    print_sheet(by_fault(outcomes))
    typer.echo(json.dumps({"backend": name, "seed": seed, **summary(outcomes)}))
    return all(outcome.sound for outcome in outcomes)


def _told(fault: str, recovery_s: float | None) -> str:
    return f"{fault}: {'no answer was left' if recovery_s is None else f'{recovery_s:.2f} s'}"


def _known(backend: str) -> BackendName:
    for name in get_args(BackendName):
        if name == backend:
            known: BackendName = name
            return known
    raise ConfigError(f"--backend {backend!r}: choose one of {', '.join(get_args(BackendName))}")

"""What `dsb run` and `dsb demo` do: read the configuration, play, score, print."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import typer

from bench.cli import INTERRUPTED
from bench.cli.show import Display, report
from bench.run.config import RunConfig, config_of, load_config
from bench.run.driver import Prepared, play, prepare, prepare_shard, resumable, stack_spec
from bench.run.folder import RunFolder
from bench.run.shards import parse_shard
from bench.run.stop import Stop
from shared.errors import ConfigError
from shared.logs import setup
from shared.service import SERVICES

__all__ = ["begin", "counts", "read"]


def begin(
    config: str,
    settings: Mapping[str, Any],
    *,
    resume: str = "",
    auto_resume: bool = False,
    nats: str = "",
    scale: Sequence[str] = (),
    in_process: bool = False,
    shard: str = "",
) -> None:
    """Play a run to its end and print the table; exits 130 when interrupted, 1 when the audit fails."""
    setup("error" if sys.stderr.isatty() else "warning", "console")
    if nats and (scale or in_process):
        raise ConfigError(
            "--scale and --in-process are about the run's own stack, and --nats (or DSB_NATS_URL) names one that is "
            "there: leave one of them out"
        )
    if auto_resume:
        resume = _there(config, settings, resume, shard)
    prepared = _prepare(config, settings, resume, shard, local=not nats)
    stop = Stop()
    stack = None
    if not nats and prepared.config.stream.mode != "offline":
        folder = prepared.folder.path / "stack"
        stack = stack_spec(prepared.config, folder, counts=counts(scale), in_process=in_process)
    with Display(prepared) as display:
        complete = play(prepared, nats=nats, listener=display, stop=stop, stack=stack)
    if not complete:
        typer.echo(
            f"interrupted; all that was answered is kept. Go on with: dsb run --resume {prepared.folder.path}"
        )
        raise typer.Exit(INTERRUPTED)
    if whole := whole_of(prepared.folder):
        typer.echo(f"shard complete: {prepared.folder.path}. When all are: dsb results merge {whole}")
        return
    report(prepared.folder)


def whole_of(folder: RunFolder) -> Path | None:
    """The folder of the run that this one is a shard of."""
    return folder.path.parent.parent if folder.manifest().shard else None


def _there(config: str, settings: Mapping[str, Any], resume: str, shard: str) -> str:
    """The folder of the run that has this name by now; empty when it is still to begin."""
    if resume or shard:
        raise ConfigError("--auto-resume finds its run by --name: leave --resume and --shards out")
    output = read(config, settings).output
    if not output.name:
        raise ConfigError("--auto-resume needs a name to find the run by: add --name")
    folder = Path(output.dir) / output.name
    # Written last: without it the run was not begun.
    return str(folder) if (folder / "manifest.json").is_file() else ""


def _prepare(config: str, settings: Mapping[str, Any], resume: str, shard: str, *, local: bool) -> Prepared:
    if shard:
        if resume:
            raise ConfigError("--shards goes on by itself: leave --resume out")
        return prepare_shard(read(config, settings), parse_shard(shard), local=local)
    if not resume:
        return prepare(read(config, settings), local=local)
    folder = resumable(str(settings.get("output.dir") or "runs"), resume)
    if folder.manifest().batch:
        raise ConfigError(f"{folder.path} is asked by batch: go on with `dsb batch collect {folder.path}`")
    if config:
        return prepare(read(config, settings), resume=folder, local=local)
    same = config_of(folder.manifest().settings)
    return prepare(same.override(settings), resume=folder, local=local)


def read(config: str, settings: Mapping[str, Any]) -> RunConfig:
    """The configuration of a file, of an example by name, or the defaults when neither is named."""
    if not config:
        return load_config(None, settings)
    path = Path(config)
    shipped = resources.files("bench") / "configs" / f"{config}.yaml"
    if not path.is_file() and shipped.is_file():
        with resources.as_file(shipped) as file:
            return load_config(file, settings)
    return load_config(path, settings)


def counts(scale: Sequence[str]) -> dict[str, int]:
    """`s2=3` and the like; raises `ConfigError`."""
    found: dict[str, int] = {}
    for item in scale:
        service, _, number = item.partition("=")
        if service not in SERVICES or not number.isdigit():
            raise ConfigError(
                f"--scale {item!r}: write SERVICE=NUMBER, like s2=2; services: {', '.join(SERVICES)}"
            )
        found[service] = int(number)
    return found

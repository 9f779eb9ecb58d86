"""`dsb data build|shard|info|validate|schema`: lay out, look at and check data sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bench.data.validate import Report

__all__ = ["build", "info", "schema", "shard", "validate"]

Folder = Annotated[str, typer.Argument(help="The folder of a data set.", show_default=False)]
Mini = Annotated[int | None, typer.Option(min=1, help="Samples of the small set; 64, or as it was.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def build(
    folder: Folder,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from", help="A data set to join into FOLDER; may be repeated. Without: lay out FOLDER."
        ),
    ] = None,
    shards: Annotated[int, typer.Option(min=0, help="0: one a video, and eight at most.")] = 0,
    mini: Mini = None,
    window: Annotated[
        float, typer.Option(min=0, help="Seconds; older evidence goes to a file of its own.")
    ] = 8.0,
    as_json: AsJson = False,
) -> None:
    """Make task_sets, shards, shards_mini, memory_ablation and the manifest from all.json.

    Example: dsb data build data/all --from data/ovo --from data/rtv --shards 8
    """
    from bench.data.build import build as make
    from bench.data.layout import Recipe

    recipe = Recipe(shards=shards, window_s=window)
    recipe = recipe if mini is None else recipe._replace(mini=mini)
    _say(folder, make(folder, recipe, sources=sources or ()), as_json=as_json)


def shard(
    folder: Folder,
    shards: Annotated[int, typer.Option(min=1, help="How many.", show_default=False)],
    mini: Mini = None,
    as_json: AsJson = False,
) -> None:
    """Divide a data set anew, into shards of like cost that never split a video.

    Example: dsb data shard data/all --shards 16 --mini 100
    """
    from bench.data.build import reshard

    _say(folder, reshard(folder, shards=shards, mini=mini), as_json=as_json)


def info(path: Folder, as_json: AsJson = False) -> None:
    """Say what a data set holds, by part, task, source, form and length, and which videos are there."""
    from bench.data.info import info_of, info_text

    held = info_of(path)
    typer.echo(json.dumps(held._asdict(), indent=1) if as_json else info_text(held))


def validate(
    paths: Annotated[
        list[str], typer.Argument(help="Files of samples, or folders of data sets.", show_default=False)
    ],
    limit: Annotated[int, typer.Option("--max", min=1, help="Errors, and warnings, to print at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Name every fault of data sets, one line each: file, JSON pointer, what is wrong, how to mend it.

    Exit code 1 when there is an error; warnings are known dirt, and change nothing.
    """
    from bench.data.validate import validate as check

    report = check(paths, limit=limit)
    if as_json:
        faults = [fault._asdict() for fault in report.faults]
        typer.echo(json.dumps({**report._asdict(), "faults": faults}, indent=1))
    else:
        typer.echo("\n".join(_lines(report)))
    raise typer.Exit(1 if report.errors else 0)


def schema() -> None:
    """Print the JSON Schema of `dsb.sample/1`."""
    from bench.data.schema_file import schema_text

    typer.echo(schema_text(), nl=False)


def _say(folder: str, manifest: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(manifest, indent=1))
        return
    counts = f"{manifest['samples']} samples, {manifest['turns']} turns about {manifest['videos']} videos"
    typer.echo(f"{folder}: {counts}, hash {manifest['hash']}")
    for name, about in manifest["files"].items():
        cost = f", {about['videos']} videos, cost {about['cost_s']:g} s" if "cost_s" in about else ""
        typer.echo(f"  {name}: {about['samples']} samples{cost}")


def _lines(report: Report) -> Iterator[str]:
    for fault in report.faults:
        yield f"{fault.level}: {fault.line()}"
    warned = sum(report.warnings.values())
    unsaid = report.errors + warned - len(report.faults)
    if unsaid:
        yield f"and {unsaid} more: ask for them with --max"
    if warned:
        yield "warnings: " + ", ".join(f"{count} {code}" for code, count in report.warnings.items())
    yield f"{report.errors} errors, {warned} warnings in {report.samples} samples, {report.files} files"

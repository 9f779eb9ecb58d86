"""`dsb data import`, `export` and `lint`: public annotation files in, the same values out, and what is odd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.data.importers import Brought
    from bench.data.schema import Issue, Sample

__all__ = ["bring", "export", "lint", "register"]

_SHOWN = 5
"""Names of missing videos and rejected records that are printed; the files hold all."""


def register(app: typer.Typer) -> None:
    """Add the commands to `dsb data`."""
    app.command("import")(bring)
    app.command("export")(export)
    app.command("lint")(lint)


def bring(
    bench: Annotated[
        str,
        typer.Argument(
            help="streamingbench, ovo-bench, rtv-bench, omnimmi, proactivevideoqa, cg-bench, svbench, or one "
            "that another package brings.",
            show_default=False,
        ),
    ],
    annotations: Annotated[
        list[Path],
        typer.Option(
            help="The benchmark's own annotation file, or a folder of them. May be repeated.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to make.", show_default=False)],
    videos: Annotated[
        Path | None, typer.Option(help="The folder that holds the videos, however deep.", show_default=False)
    ] = None,
    subset: Annotated[
        str, typer.Option(help="What the files hold (real, EGO, …), where their names don't tell.")
    ] = "",
    errata: Annotated[bool, typer.Option(help="Mend known mistakes, each noted on its sample.")] = True,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Keep records that can't be mapped aside, in rejects.json.")
    ] = False,
    hash_videos: Annotated[
        bool, typer.Option("--hash", help="Also note each video's SHA-256; reads every byte.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another set in the folder, with all its files.")
    ] = False,
) -> None:
    """Import a public benchmark, losing nothing: `dsb data export --native` gives its file back.

    Example: dsb data import ovo-bench --annotations ovo_bench_new.json --videos videos --out data/ovo
    """
    from bench.data.importers import import_set
    from bench.data.replacing import belongings, check_free, remove

    check_free(out, overwrite=overwrite)
    before = belongings(out)
    made = import_set(
        bench,
        annotations,
        out,
        videos=videos,
        subset=subset,
        errata=errata,
        keep_going=keep_going,
        hashed=hash_videos,
    )
    # Now, not before: an import that fails leaves the set as it was.
    remove(before, but=[out / name for name in ("all.json", "import.json", "rejects.json", "coverage.json")])
    for line in _told(made):
        typer.echo(line)


def export(
    native: Annotated[
        Path, typer.Option(help="The imported data set: its folder, or its all.json.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(help="The file to write; a folder when there were several.", show_default=False)
    ],
) -> None:
    """Write the source's own file again, value for value, from an imported data set.

    Example: dsb data export --native data/ovo --out ovo_bench_new.json
    """
    from bench.data.native import export_native

    for made in export_native(native, out):
        checked = (
            "the values that were imported" if made.checked else "not checked: the set has no import.json"
        )
        typer.echo(f"{made.path}: {made.records} records, {checked}")


def lint(
    data: Annotated[
        Path, typer.Argument(help="A data set: its folder, or its all.json.", show_default=False)
    ],
    code: Annotated[
        list[str] | None, typer.Option(help="Only issues of this code. May be repeated.", show_default=False)
    ] = None,
    most: Annotated[int, typer.Option("--max", min=0, help="Lines to print before the counts.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an issue, all of them.")] = False,
) -> None:
    """List what is odd about the samples of a data set, and count it. Issues are no faults: the exit code is 0.

    Example: dsb data lint data/ovo --code gold_conflict
    """
    from bench.data.dataset import load_dataset
    from bench.data.lint import Linter, merged

    linter, counts = Linter(), dict[str, int]()
    for sample in load_dataset(data).samples:
        for issue in merged(sample.issues, linter.look(sample)):
            if code and issue.code not in code:
                continue
            shown = sum(counts.values())
            counts[issue.code] = counts.get(issue.code, 0) + 1
            if as_json or shown < most:
                typer.echo(_line(sample, issue, as_json=as_json))
    if not as_json:
        left = sum(counts.values()) - most
        typer.echo(f"… and {left} more" if left > 0 else f"{sum(counts.values())} issues")
        _count(counts)


def _line(sample: Sample, issue: Issue, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"sample": sample.id, **issue.model_dump()}, ensure_ascii=False)
    return f"{sample.id}: {issue.code}: {issue.pointer}: {issue.text}"


def _told(made: Brought) -> list[str]:
    """What an import says at its end."""
    parts = ", ".join(f"{count} {part}" for part, count in made.parts.items())
    lines = [
        f"{made.path}: {made.turns} questions in {made.written.samples} samples about {made.videos} videos, "
        f"hash {made.written.hash}",
        f"parts: {parts or 'none'}",
        f"errata: {made.errata or 'none'}",
    ]
    if made.coverage is not None:
        seen = made.coverage
        lines.append(
            f"videos: {seen.found} of {seen.videos} found, {len(seen.missing)} missing, "
            f"{len(seen.unreadable)} unreadable, {len(seen.guessed)} found by guess; see coverage.json"
        )
        lines += [f"  missing: {name}" for name in seen.missing[:_SHOWN]]
        lines += [f"  unreadable: {name}" for name in seen.unreadable[:_SHOWN]]
    lines += [f"issues: {sum(made.issues.values())}", *_counted(made.issues)]
    if made.rejects:
        lines.append(f"kept aside: {len(made.rejects)} records, in rejects.json")
        lines += [f"  {reject.file}: {reject.at or '/'}: {reject.text}" for reject in made.rejects[:_SHOWN]]
    return lines


def _count(counts: dict[str, int]) -> None:
    for line in _counted(counts):
        typer.echo(line)


def _counted(counts: dict[str, int]) -> list[str]:
    from bench.data.lint import CODES

    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"  {count:6d}  {code}: {CODES.get(code, 'told by its importer')}" for code, count in order]

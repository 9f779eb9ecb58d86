"""`dsb experiment`: one thing varied, the rest held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # the command line starts without heavy packages
    from bench.experiments import Piece

__all__ = ["app"]

app = typer.Typer(help="Vary one thing and hold the rest.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Vary one thing and hold the rest."""


@app.command("stride")
def stride(
    config: Annotated[
        str, typer.Argument(help="A YAML file, or an example that ships.", show_default=False)
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting of the run, like video.fps=2. May be repeated."
        ),
    ] = None,
    windows: Annotated[str, typer.Option(help="Lengths of S1's window, frames.")] = "4,6,8,16",
    strides: Annotated[str, typer.Option(help="Prefill strides, frames; none: no reuse.")] = "none,1,2,4,8",
    max_samples: Annotated[int | None, typer.Option(min=1, help="Ask only the first N samples.")] = None,
    out: Annotated[str, typer.Option(help="The folder of its results.")] = "stride",
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Tables only.")] = False,
) -> None:
    """Measure accuracy, ingest and answer latency of S1 over prefill strides and window lengths.

    Watches each video in this process, as S1 does, once for each cell: a prefix that is computed while frames arrive
    costs at ingest what it saves at the answer. Started again, it goes on with what is missing. Asks the
    part realtime unless the settings name others; leaves stride.csv, stride.md, stride.svg and stride.png.

    Examples: dsb experiment stride --max-samples 20 · dsb experiment stride my.yaml --windows 6,16 --strides none,2
    """
    from pathlib import Path

    from bench.cli.playing import read
    from bench.data.synth import open_dataset
    from bench.experiments import Grid, cells_of, plot, rows, write_tables
    from bench.experiments import stride as run
    from bench.run.plan import plan
    from shared.perception import warm_up
    from shared.vlm import load_vlm

    chosen = read(config, {**_pairs(settings or []), "dataset.max_samples": max_samples})
    parts = chosen.dataset.parts or ("realtime",)
    cells = cells_of(chosen, _windows(windows), _strides(strides))
    data = open_dataset(chosen.dataset.path).select(parts=parts, max_samples=max_samples)
    vlm = load_vlm(chosen.model.s1)
    warm_up(vlm)
    held = {"settings": chosen.identity(), "data": data.hash, "model": vlm.fingerprint}
    folder = Path(out).expanduser()

    plays = plan(data)

    def told(piece: Piece, number: int) -> None:
        typer.echo(f"{number} of {len(cells) * len(plays)}: {_said(piece)}")

    done = run(chosen, plays, vlm, cells, Grid(folder, held), told=told)
    typer.echo("\n" + _table(rows(done)))
    written = write_tables(done, folder) + ([] if no_plot else plot(done, folder))
    typer.echo("\nwritten: " + ", ".join(str(path) for path in written))


def _pairs(settings: Sequence[str]) -> dict[str, Any]:
    import yaml

    from shared.errors import ConfigError

    found: dict[str, Any] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise ConfigError(f"--set {text!r}: write KEY=VALUE, like video.fps=2")
        found[key] = yaml.safe_load(value)
    return found


def _windows(text: str) -> list[int]:
    return [number for number in _numbers("--windows", text) if number is not None]


def _strides(text: str) -> list[int | None]:
    return _numbers("--strides", text, none=True)


def _numbers(option: str, text: str, *, none: bool = False) -> list[int | None]:
    from shared.errors import ConfigError

    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if not (word.isdigit() and int(word) > 0) and not (none and word == "none"):
            allowed = "whole numbers from 1, or none" if none else "whole numbers from 1"
            raise ConfigError(
                f"{option} {text!r}: {word!r} is not allowed; give {allowed}, with commas between"
            )
    if not words:
        raise ConfigError(f"{option} is empty: give one number at least")
    return [None if word == "none" else int(word) for word in words]


def _said(piece: Piece) -> str:
    cell = piece.cell
    head = f"video {piece.video}, window {cell.frames}, stride {cell.stride or 'none'}"
    if piece.error:
        return f"{head}: {piece.error}"
    return f"{head}: {sum(piece.right):g} of {len(piece.right)} right, {sum(piece.ingest_s):.1f} s of ingest"


def _table(lines: Sequence[Sequence[str]]) -> str:
    from bench.experiments.stride_report import HEADING

    whole = [line for line in lines if len(line) == len(HEADING)]
    widths = [max(len(line[i]) for line in [HEADING, *whole]) for i in range(len(HEADING))]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=False))
        for line in [HEADING, *lines]
    )

"""`dsb data`: make data sets."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli import datasets, importing

__all__ = ["app"]

app = typer.Typer(help="Make and look at data sets.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make and look at data sets."""


app.command("build")(datasets.build)
app.command("shard")(datasets.shard)
app.command("info")(datasets.info)
app.command("validate")(datasets.validate)
app.command("schema")(datasets.schema)
importing.register(app)


@app.command("synth")
def synth(
    out: Annotated[str, typer.Argument(help="The folder to make.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other scenes and questions.")] = 0,
    split: Annotated[str, typer.Option(help="train, validation or test: their scenes never meet.")] = "test",
    videos: Annotated[int, typer.Option(min=1, help="How many videos.")] = 8,
    part: Annotated[
        list[str] | None,
        typer.Option("--part", help="One of the five parts; all by default. May be repeated."),
    ] = None,
    per_video: Annotated[
        int, typer.Option(min=1, help="Questions or chains of each part a video, at most.")
    ] = 5,
    shortest: Annotated[float, typer.Option(min=10, help="Seconds of the shortest video.")] = 45.0,
    longest: Annotated[float, typer.Option(min=10, help="Seconds of the longest video.")] = 60.0,
    long: Annotated[float | None, typer.Option(min=10, help="One more video of so many seconds.")] = None,
    level: Annotated[
        int,
        typer.Option(
            min=1,
            max=5,
            help="Difficulty: objects also move (2), change colour (3), are many and alike (4), get hidden (5).",
        ),
    ] = 2,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another set in the folder, with all its files.")
    ] = False,
) -> None:
    """Make a synthetic data set: H.264 files with questions and exact gold.

    Example: dsb data synth data/mine --seed 3 --videos 20 --long 120
    """
    from bench.data.synth import Recipe, build

    recipe = Recipe(
        seed=seed,
        split=split,
        videos=videos,
        per_video=per_video,
        duration_s=(shortest, longest),
        long_s=long,
        level=level,
    )
    if part:
        recipe = recipe._replace(parts=tuple(part))
    made = build(out, recipe, overwrite=overwrite)
    asked = sum(len(turn.asks) for sample in made.samples for turn in sample.turns)
    clips = len({sample.video for sample in made.samples})
    typer.echo(f"{made.path}: {asked} questions about {clips} videos, hash {made.hash}")

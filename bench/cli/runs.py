"""`dsb demo` and `dsb run`: play a benchmark, print its scores, leave a run folder."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shared.errors import ConfigError

__all__ = ["demo", "run", "run_all"]

_SHOW = "Settings of the run"
_STACK = "Where it runs"

MaxSamples = Annotated[
    int | None, typer.Option(min=1, help="Ask only the first N samples.", rich_help_panel=_SHOW)
]
Parts = Annotated[
    list[str] | None,
    typer.Option(
        "--part",
        help="Only this part: realtime, reasoning, clue, proactive or sequential. May be repeated.",
        rich_help_panel=_SHOW,
    ),
]
ModeOption = Annotated[
    str | None,
    typer.Option(
        "--mode",
        help="capacity (deterministic, as fast as the machine), live (by the wall clock), or offline "
        "(in this process, without services).",
        rich_help_panel=_SHOW,
    ),
]
RouteOption = Annotated[
    str | None,
    typer.Option(
        help="Who answers: both, force-s1, force-s2, rule, random@0.5, semantic, cascade@0.7, learned:FILE, "
        "llm:MODEL, or an installed policy.",
        rich_help_panel=_SHOW,
    ),
]
Seed = Annotated[int | None, typer.Option(help="Of the statistics.", rich_help_panel=_SHOW)]
Out = Annotated[
    str | None, typer.Option(help="The folder in which run folders are made.", rich_help_panel=_SHOW)
]
Name = Annotated[
    str | None, typer.Option(help="Of the run folder; made from the time by default.", rich_help_panel=_SHOW)
]
AutoResume = Annotated[
    bool,
    typer.Option(
        "--auto-resume",
        help="Go on with the run of this --name when it is there, else begin it.",
        rich_help_panel=_STACK,
    ),
]
Nats = Annotated[
    str,
    typer.Option(
        envvar="DSB_NATS_URL",
        help="Run against the services at this broker, nats://host:port; else an embedded stack is started.",
        rich_help_panel=_STACK,
    ),
]
Scale = Annotated[
    list[str] | None,
    typer.Option(
        help="Processes of a service of the embedded stack, like s2=2. May be repeated.",
        rich_help_panel=_STACK,
    ),
]
Shards = Annotated[
    str,
    typer.Option(
        "--shards",
        metavar="k/N",
        help="Play shard k of N only, or go on with it; `dsb results merge` joins them when all are complete.",
        rich_help_panel=_STACK,
    ),
]
InProcess = Annotated[
    bool,
    typer.Option(
        "--in-process",
        help="Run the services in threads of this process, for a debugger.",
        rich_help_panel=_STACK,
    ),
]


def demo(
    max_samples: MaxSamples = None,
    part: Parts = None,
    mode: ModeOption = None,
    route: RouteOption = None,
    seed: Seed = None,
    out: Out = None,
    name: Name = None,
    auto_resume: AutoResume = False,
    nats: Nats = "",
    scale: Scale = None,
    in_process: InProcess = False,
) -> None:
    """Play the synthetic demo set through the whole stack and print its scores.

    Makes nine small H.264 videos (once), starts a broker and five services, asks S1 and S2 every question,
    and leaves a run folder. Needs no network, no GPU and no weights but those in the package.
    """
    from bench.cli.playing import begin

    settings = _settings(max_samples, part, mode, route, seed, out, name)
    begin("demo", settings, auto_resume=auto_resume, nats=nats, scale=scale or [], in_process=in_process)


def run(
    config: Annotated[
        str,
        typer.Argument(
            help="A YAML file, or an example that ships: demo, live, llava-folder.", show_default=False
        ),
    ] = "",
    max_samples: MaxSamples = None,
    part: Parts = None,
    mode: ModeOption = None,
    route: RouteOption = None,
    seed: Seed = None,
    out: Out = None,
    name: Name = None,
    resume: Annotated[
        str,
        typer.Option(
            help="Go on with this run folder (or `last`): plays that lack an answer are played again, whole.",
            rich_help_panel=_STACK,
        ),
    ] = "",
    auto_resume: AutoResume = False,
    shards: Shards = "",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be asked of which model and its cost; send nothing."),
    ] = False,
    nats: Nats = "",
    scale: Scale = None,
    in_process: InProcess = False,
) -> None:
    """Run a configuration: play its streams, ask its questions, score the answers.

    Examples: dsb run demo --mode offline · dsb run my.yaml --part reasoning --route both ·
    dsb run my.yaml --nats nats://127.0.0.1:4222 · dsb run --resume last · dsb run my.yaml --dry-run
    """
    from bench.cli.playing import begin

    settings = _settings(max_samples, part, mode, route, seed, out, name)
    if dry_run:
        from bench.cli.spending import tell

        if resume or auto_resume or shards:
            raise ConfigError(
                "--dry-run tells of a whole new run: leave out --resume, --auto-resume and --shards"
            )
        tell(config, settings)
        return
    begin(
        config,
        settings,
        resume=resume,
        auto_resume=auto_resume,
        nats=nats,
        scale=scale or [],
        in_process=in_process,
        shard=shards,
    )


def run_all(
    config: Annotated[
        str, typer.Argument(help="A YAML file, or an example that ships.", show_default=False)
    ] = "",
    parallel: Annotated[
        int,
        typer.Option(
            min=1, max=1024, help="Shards at a time; also how many there are.", rich_help_panel=_STACK
        ),
    ] = 2,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be played, and write nothing.")
    ] = False,
    max_samples: MaxSamples = None,
    part: Parts = None,
    mode: ModeOption = None,
    route: RouteOption = None,
    seed: Seed = None,
    out: Out = None,
    name: Name = None,
    nats: Nats = "",
    scale: Scale = None,
) -> None:
    """Run a configuration in shards, each a process with a stack of its own, and merge them into one run.

    Call it again after an interruption, or whenever a shard died: only what is missing is played. The merged
    run is what `dsb run` would have made.

    Examples: dsb run-all my.yaml --parallel 4 --dry-run · dsb run-all my.yaml --parallel 4 --name big
    """
    from bench.cli.sharded import run_sharded

    settings = _settings(max_samples, part, mode, route, seed, out, name)
    run_sharded(config, settings, parallel=parallel, dry_run=dry_run, nats=nats, scale=scale or [])


def _settings(
    max_samples: int | None,
    part: list[str] | None,
    mode: str | None,
    route: str | None,
    seed: int | None,
    out: str | None,
    name: str | None,
) -> dict[str, Any]:
    return {
        "dataset.max_samples": max_samples,
        "dataset.parts": part or None,
        "stream.mode": mode,
        "system.route": route,
        "stream.seed": seed,
        "output.dir": out,
        "output.name": name,
    }

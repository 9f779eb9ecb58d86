"""`dsb stream`: cameras and other live streams of a running stack, added and removed while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Add, list, ask and remove live streams of a running stack.", no_args_is_help=True)

Nats = Annotated[
    str, typer.Option(help="The broker, nats://host:port; DSB_NATS_URL by default.", show_default=False)
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The stream's name.", show_default=False)]


@app.callback()
def _group() -> None:
    """Add, list, ask and remove live streams of a running stack."""


@app.command("add")
def add(
    url: Annotated[
        str,
        typer.Argument(
            help="rtsp://…, webcam:0, a file or synth:…, as the reader sees it; - reads it from standard input.",
            show_default=False,
        ),
    ],
    id: Annotated[str, typer.Option("--id", help="Its name; made from the address by default.")] = "",
    fps: Annotated[
        float | None, typer.Option(min=0.01, max=240, help="Frames a second, at most; 1 by default.")
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Size of a frame, like 336x336; 96x96 by default.")
    ] = "",
    resize: Annotated[
        str | None,
        typer.Option(help="stretch, letterbox, crop or none (the source's size); letterbox by default."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="Who falls behind: drop-oldest (the default), drop-newest, downsample or block (drops nothing)."
        ),
    ] = None,
    config: Annotated[
        str, typer.Option(help="A run's YAML file: its windows, notes and frames hold here too.")
    ] = "",
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the first picture.")] = 45.0,
    nats: Nats = "",
) -> None:
    """Play a live source until it is removed: it is leased to a reader and owned by an S1 worker.

    A source that is lost is opened again. What can't be admitted is refused in one line, and nothing stays open.
    An address with a password is best read from a file (-): as an argument `ps` and the shell's history show it.

    Examples: dsb stream add - --id porch --fps 2 < camera.url · dsb stream add webcam:lavfi:testsrc,realtime (a test
    picture, where no camera is)
    """
    from bench.cli import streaming

    streaming.add(
        url, name=id, fps=fps, size=size, resize=resize, policy=policy, config=config, wait_s=wait, nats=nats
    )


@app.command("rm")
def rm(id: Id, nats: Nats = "") -> None:
    """End a stream, and tell what became of its frames. What was answered stays; its frames are forgotten soon."""
    from bench.cli import streaming

    streaming.remove(id, nats=nats)


@app.command("ls")
def ls(
    nats: Nats = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show every stream: source, state, frames, drops by reason, reconnects, reader and owner."""
    from bench.cli import streaming

    streaming.show(nats=nats, as_json=as_json)


@app.command("ask")
def ask(
    id: Id,
    question: Annotated[str, typer.Argument(help="What to ask about now.", show_default=False)],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", help="A choice; two or more make it a choice. May be repeated."),
    ] = None,
    route: Annotated[
        str, typer.Option(help="both, rule, force-s1, force-s2, or an installed policy.")
    ] = "both",
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for answers.")] = 60.0,
    nats: Nats = "",
) -> None:
    """Ask a stream about now, and print each system's answer as it comes.

    Example: dsb stream ask porch "Is anybody at the door?" --option yes --option no
    """
    from bench.cli import streaming

    streaming.ask(id, question, options=option or [], route=route, wait_s=wait, nats=nats)

"""The stack by hand: bring it up, serve one service, make the topology, see who is there."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["init", "ps", "serve", "up"]

Nats = Annotated[
    str, typer.Option(help="The broker, nats://host:port; DSB_NATS_URL by default.", show_default=False)
]


def up(
    config: Annotated[
        str, typer.Argument(help="A run's YAML file: its models and memory are served.", show_default=False)
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the broker; 0 takes a free one.")] = 4222,
    folder: Annotated[
        str,
        typer.Option(
            help="For logs, and while the stack runs for its `store`; a temporary one by default.",
            show_default=False,
        ),
    ] = "",
    scale: Annotated[
        list[str] | None, typer.Option(help="Processes of a service, like s2=2. May be repeated.")
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Services in threads of this process.")
    ] = False,
) -> None:
    """Start the embedded stack and keep it running until Ctrl-C.

    Example: dsb up --scale s2=2, and in another shell: dsb run demo --nats nats://127.0.0.1:4222
    """
    from bench.cli.keeping import keep_up

    keep_up(config, port=port, folder=folder, scale=scale or [], in_process=in_process)


def serve(
    service: Annotated[str, typer.Argument(help="reader, s1, s2, router or memory.", show_default=False)],
) -> None:
    """Run one service until it is told to stop; its settings come from DSB_… variables.

    Example: DSB_NATS_URL=nats://127.0.0.1:4222 DSB_MODEL__PATH=tiny-s2 dsb serve s2
    """
    from shared.service import main

    raise typer.Exit(main(service))


def init(nats: Nats = "") -> None:
    """Make the streams and buckets at a broker, or bring them up to date. May be repeated at any time."""
    import asyncio

    from bench.cli.looking import settings
    from shared.bus import init_topology
    from shared.masking import mask

    bus = settings(nats)
    asyncio.run(init_topology(bus))
    typer.echo(f"streams and buckets are ready at {mask(bus.nats_url)}")


def ps(
    nats: Nats = "",
    wait: Annotated[float, typer.Option(min=0.05, help="Seconds to wait for answers.")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as one JSON object.")] = False,
) -> None:
    """Show what runs at a broker: services and their slots, who holds which stream, how much work waits.

    Example: dsb ps --nats nats://127.0.0.1:4222
    """
    from bench.cli.looking import show_overview

    show_overview(nats, wait, as_json=as_json)

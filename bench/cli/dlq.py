"""`dsb dlq`: the dead letters, and what a person does with them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import ConfigError

if TYPE_CHECKING:
    from bench.run.letters import Kept
    from shared.bus import Bus

__all__ = ["app"]

Nats = Annotated[
    str, typer.Option(help="The broker, nats://host:port; DSB_NATS_URL by default.", show_default=False)
]
Number = Annotated[int, typer.Argument(min=1, help="As `dsb dlq list` shows it.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, in full.")]

app = typer.Typer(
    help="Dead letters: questions and jobs that killed those who worked on them, or that nobody could read.",
    invoke_without_command=True,
)


@app.callback()
def every(context: typer.Context, nats: Nats = "") -> None:
    """Without a command: list."""
    if context.invoked_subcommand is None:
        list_letters(nats)
    elif nats:
        command = context.invoked_subcommand
        raise ConfigError(f"--nats belongs behind the command: dsb dlq {command} … --nats {nats}")


@app.command("list")
def list_letters(nats: Nats = "", as_json: AsJson = False) -> None:
    """One line a letter, oldest first.

    Example: dsb dlq list --nats nats://127.0.0.1:4222
    """
    from bench.cli.looking import shortened, with_bus
    from bench.run.letters import kept_letters

    letters = with_bus(nats, kept_letters)
    for kept in letters:
        letter = kept.letter
        line = f"{kept.id:<6}{_when(kept)}  {letter.service:<7}{letter.opening:<22.22}  {letter.reason}"
        typer.echo(json.dumps(_plain(kept), ensure_ascii=False) if as_json else shortened(line, 80, end=True))
    if not letters and not as_json:
        typer.echo("no dead letters")


@app.command()
def show(number: Number, nats: Nats = "") -> None:
    """All of one letter, as JSON."""
    from bench.cli.looking import with_bus
    from bench.run.again import find

    kept = with_bus(nats, lambda bus: find(bus, number))
    typer.echo(json.dumps(_plain(kept), indent=2, ensure_ascii=False))


@app.command()
def retry(
    number: Number,
    nats: Nats = "",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the new answer.")] = 0.0,
    blind: Annotated[bool, typer.Option("--blind", help="Also when no frame of its stream is left.")] = False,
) -> None:
    """Put a question back to be answered: the error in its place goes, and exactly one answer comes.

    A run that has already recorded the error keeps it. Needs the rights of the broker's user admin.
    """
    from bench.cli.looking import with_bus
    from bench.run import again

    async def work(bus: Bus) -> list[str]:
        kept = await again.find(bus, number)
        said = [await again.retry(bus, number, blind=blind)]
        if wait:
            answer = await again.outcome(bus, kept, within_s=wait)
            raw = answer.draft.raw if answer and answer.draft else ""
            said.append(
                f"{answer.status}: {answer.error or raw}" if answer else f"no answer within {wait:g} s"
            )
        return said

    for line in with_bus(nats, work):
        typer.echo(line)


@app.command()
def drop(
    numbers: Annotated[
        list[int], typer.Argument(min=1, help="As `dsb dlq list` shows them.", show_default=False)
    ],
    nats: Nats = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove letters for good. Needs the rights of the broker's user admin."""
    from bench.cli.looking import with_bus
    from bench.run import again

    if not yes and not sys.stdin.isatty():
        raise ConfigError("nobody is there to confirm: say --yes")
    if not yes:
        typer.confirm(f"drop dead letter {', '.join(map(str, numbers))} for good?", abort=True)

    async def work(bus: Bus) -> None:
        for number in numbers:
            await again.drop(bus, number)

    with_bus(nats, work)
    typer.echo(f"dropped {len(numbers)}")


def _when(kept: Kept) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(kept.time, UTC).strftime("%m-%d %H:%M:%SZ")


def _plain(kept: Kept) -> dict[str, Any]:
    return {"id": kept.id, "time": kept.time, **kept.letter.model_dump(mode="json")}

"""What `dsb stream` does."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import typer

from bench.cli.looking import with_bus
from bench.cli.playing import read
from bench.streams import Known, View, find, views
from bench.streams import add as add_stream
from bench.streams import ask as ask_stream
from bench.streams import remove as remove_stream
from shared import tracing
from shared.bus import Bus
from shared.errors import ConfigError
from shared.messages import Status, StreamReport
from shared.routing import policy as routing_policy
from shared.video.source import shown

__all__ = ["add", "ask", "remove", "show"]

_NAME = re.compile(r"[A-Za-z0-9-]{1,40}")


def add(
    url: str,
    *,
    name: str,
    fps: float | None,
    size: str,
    resize: str | None,
    policy: str | None,
    config: str,
    wait_s: float,
    nats: str,
) -> None:
    """Admit a stream and say so."""
    url = _read_address() if url == "-" else url
    asked = {"video.fps": fps, "video.resize": resize, "stream.slow": policy, "stream.mode": "live"}
    profile = read(config, {**asked, **_size(size)}).profile()
    uri = _on_this_host(url)
    name = _named(name or _from_address(url))

    async def work(bus: Bus) -> Known:
        return await add_stream(bus, uri, name=name, profile=profile, wait_s=wait_s)

    with_bus(nats, work)
    typer.echo(f"{name} plays: {shown(uri)} at up to {profile.video.fps:g} fps, {profile.slow.value}")
    typer.echo(f'try: dsb stream ask {name} "What is there now?"   and: dsb stream rm {name}')


def remove(name: str, *, nats: str) -> None:
    """End a stream and print its report."""

    async def work(bus: Bus) -> None:
        stream = await find(bus, name)
        end = await remove_stream(bus, stream)
        typer.echo(f"{stream.name} is removed; read: {_told(end.read)}; encoded by S1: {_told(end.seen)}")
        if not end.whole:
            typer.echo("not every worker has told in time: figures may be missing", err=True)

    with_bus(nats, work)


def show(*, nats: str, as_json: bool) -> None:
    """Two lines a stream."""
    found = with_bus(nats, views)
    if as_json:
        typer.echo(json.dumps([view.plain() for view in found], indent=2))
    elif not found:
        typer.echo("no streams: add one by `dsb stream add URL`")
    for view in () if as_json else found:
        typer.echo(_lines(view))


def ask(name: str, question: str, *, options: list[str], route: str, wait_s: float, nats: str) -> None:
    """Ask and print what comes."""
    if len(options) == 1 or len(options) > 26:
        raise ConfigError(f"--option was given {len(options)} times: leave it out, or give 2 to 26")
    if not question.strip():
        raise ConfigError("the question is empty: say what you want to know")
    routing_policy(route)
    tracing.start("bench")

    async def work(bus: Bus) -> None:
        stream = await find(bus, name)
        replies = ask_stream(bus, stream, question, options=options, route=route, wait_s=wait_s)
        async for reply in replies:
            answer = reply.answer
            said = answer.error or answer.status.value
            if answer.status is Status.OK and answer.draft is not None:
                said = _said(answer.draft.raw, options)
            typer.echo(f"{answer.path.value}  at {answer.t_ask:.1f} s: {said}  ({reply.took_s:.2f} s)")

    with_bus(nats, work)


def _said(raw: str, options: list[str]) -> str:
    place = ord(raw[0]) - 65 if len(raw) == 1 else -1
    return f"{raw} ({options[place]})" if 0 <= place < len(options) else raw


def _size(size: str) -> dict[str, int]:
    if not size:
        return {}
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if not found:
        raise ConfigError(f"--size {size!r} is no size: write WIDTHxHEIGHT, like 336x336")
    return {"video.width": int(found[1]), "video.height": int(found[2])}


def _on_this_host(url: str) -> str:
    """The whole path of what is a file here; anything else as it is."""
    try:
        here = Path(url).expanduser()
        return str(here.resolve()) if here.exists() else url
    except (OSError, RuntimeError):  # too long for a name; no such user
        return url


def _read_address() -> str:
    """The first line of standard input."""
    if not (url := sys.stdin.readline().strip()):
        raise ConfigError(
            "no address on standard input: write dsb stream add - < FILE, or give it as an argument"
        )
    return url


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--id {name!r} is no name: use up to 40 letters, digits and '-'")
    return name


def _from_address(url: str) -> str:
    """A name of the last words of the address, without user and password."""
    words = re.findall(r"[A-Za-z0-9]+", shown(url).split("?")[0])
    return "-".join(words[-3:])[-40:].strip("-") or "stream"


def _told(report: StreamReport) -> str:
    words = [f"{report.frames} frames"]
    words += [f"{count} dropped ({reason})" for reason, count in sorted(report.dropped.items())]
    if report.reconnects:
        words.append(f"{report.reconnects} reconnects ({report.gap_s:.1f} s without pictures)")
    return ", ".join(words)


def _lines(view: View) -> str:
    status, profile = view.status, view.stream.opened.profile
    report = status.report if status else StreamReport()
    counts = _told(report.model_copy(update={"dropped": view.dropped}))
    age = f"{status.age_s:.0f} s" if status else "?"
    why = f"\n    {status.text}" if status and status.text else ""
    return (
        f"{view.stream.name}  {view.state}  {counts}  for {age}{why}\n"
        f"    {shown(view.stream.opened.uri)}  up to {profile.video.fps:g} fps, {profile.slow.value}\n"
        f"    reader {status.reader if status else 'none'}  owner {view.owner or 'none'}"
    )

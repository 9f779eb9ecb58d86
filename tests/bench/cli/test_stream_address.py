"""The address of a camera, with its password, on a way that neither `ps` nor the shell's history shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cli import streaming
from bench.cli.app import app
from bench.cli.playing import read
from shared.errors import ConfigError

RUN = CliRunner()


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that streams were added by; no broker is asked."""
    uris: list[str] = []

    async def add(bus: Any, uri: str, **more: Any) -> None:
        uris.append(uri)

    def with_bus(nats: str, work: Callable[[Any], Awaitable[None]]) -> None:
        asyncio.run(work(None))  # type: ignore[arg-type]

    monkeypatch.setattr(streaming, "add_stream", add)
    monkeypatch.setattr(streaming, "with_bus", with_bus)
    return uris


def test_an_address_is_read_from_standard_input(added: list[str]) -> None:
    address = "rtsp://me:hunter2@camera/porch"
    said = RUN.invoke(app, ["stream", "add", "-"], input=f"{address}\n")
    assert (said.exit_code, added) == (0, [address])
    assert "camera-porch plays" in said.stdout
    assert "hunter2" not in said.stdout


def test_no_part_of_a_password_is_in_a_name_that_is_made_from_the_address(added: list[str]) -> None:
    said = RUN.invoke(app, ["stream", "add", "rtsp://me:hunter2@tiger@porch"])
    assert said.exit_code == 0
    assert said.stdout.startswith("rtsp-porch plays: rtsp://***@porch")


def test_nothing_on_standard_input_is_no_address(added: list[str]) -> None:
    said = RUN.invoke(app, ["stream", "add", "-"], input="\n")
    assert isinstance(said.exception, ConfigError)
    assert "no address on standard input" in str(said.exception)
    assert added == []


def test_help_tells_the_defaults_that_hold() -> None:
    video = read("", {"stream.mode": "live"}).profile()
    told = " ".join(
        RUN.invoke(app, ["stream", "add", "-h"], env={"COLUMNS": "400", "TERM": "dumb"}).stdout.split()
    )
    size = f"{video.video.width}x{video.video.height}"
    for words in (f"{video.video.fps:g} by", f"{size} by", f"{video.video.resize} by", f"{video.slow} (the"):
        assert f"{words} default" in told, words

"""What `dsb ps` and `dsb dlq` print, at a broker where no service runs and at one described by hand."""

from __future__ import annotations

import asyncio
import json

import pytest
from bus_kit import connected, fresh_opening, job
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.looking import lines
from bench.run.overview import Overview, StreamHolders, Worker
from shared.bus import QueueDepth
from shared.errors import ConfigError
from shared.messages import DeadLetter

pytestmark = pytest.mark.nats

RUN = CliRunner()


def test_an_overview_fits_80_columns_and_says_slots_owners_and_lag() -> None:
    name = "s1-a-host-with-a-very-long-name-of-its-own-1234567"
    seen = Overview(
        [
            Worker("s1", name, "0.1.0", 3, 8, {"model": "tiny-s1", "fingerprint": "x" * 16}),
            Worker("router", "router-1", "0.1.0", None, None, {"openings": 3}),
        ],
        [StreamHolders("run_0_0", "reader-1", 4, name, 7), StreamHolders("run_1_0", "", 0, name, 9)],
        QueueDepth(waiting=12, in_work=2, redelivered=1, pulls=0),
        2,
    )
    text = lines(seen)
    assert max(map(len, text)) <= 80
    whole = "\n".join(text)
    for part in ("3/8", "model=tiny-s1", "run_0_0", "reader-1", "12 waiting, 2 in work", "dead letters: 2"):
        assert part in whole
    assert whole.count("1234567") == 3
    assert json.loads(json.dumps(seen.plain()))["queue"]["waiting"] == 12


def test_letters_are_listed_shown_and_dropped(nats_url: str) -> None:
    body = job(opening := fresh_opening())

    async def write() -> None:
        async with connected(nats_url) as bus:
            letter = DeadLetter(
                service="s2",
                reason="job killed 3 workers",
                opening=opening,
                key="k",
                body=body.model_dump(mode="json"),
            )
            await bus.dead_letter(letter)

    asyncio.run(write())
    said = RUN.invoke(app, ["dlq", "--nats", nats_url])
    [line] = [line for line in said.stdout.splitlines() if opening in line]
    assert len(line) <= 80
    number = line.split()[0]
    full = json.loads(RUN.invoke(app, ["dlq", "show", number, "--nats", nats_url]).stdout)
    assert full["body"]["question"]["text"] == "what?"
    refused = RUN.invoke(app, ["dlq", "drop", number, "--nats", nats_url])
    assert isinstance(refused.exception, ConfigError)
    assert "--yes" in str(refused.exception)
    assert RUN.invoke(app, ["dlq", "drop", number, "--yes", "--nats", nats_url]).stdout == "dropped 1\n"
    assert opening not in RUN.invoke(app, ["dlq", "list", "--nats", nats_url]).stdout


def test_a_broker_named_before_the_command_is_not_passed_over() -> None:
    said = RUN.invoke(app, ["dlq", "--nats", "nats://staging:4222", "drop", "3", "--yes"])
    assert isinstance(said.exception, ConfigError)
    assert "dsb dlq drop … --nats nats://staging:4222" in str(said.exception)


def test_ps_without_a_service_says_how_to_start_one(nats_url: str) -> None:
    said = RUN.invoke(app, ["ps", "--nats", nats_url, "--wait", "0.1"])
    assert (said.exit_code, "dsb up" in said.stdout) == (1, True)


def test_init_names_the_broker_without_its_password(nats_url: str) -> None:
    said = RUN.invoke(app, ["init", "--nats", nats_url.replace("nats://", "nats://me:hunter2@")])
    assert (said.exit_code, "hunter2" in said.stdout) == (0, False)
    assert nats_url.removeprefix("nats://") in said.stdout

"""What harms a process from outside: switches, a link that is cut, a run folder without room, a compose overlay."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bench.chaos import Fault, Kind, room
from bench.chaos.links import CUT, CUT_ABRUPT
from bench.chaos.overlay import DISK, STORE, compose_environment, write_overlay
from bench.chaos.switches import Switches, environment, switch_of
from bench.run.broker import free_port
from shared.errors import ConfigError
from shared.service import SERVICES

JUMP = Fault(kind=Kind.CLOCK_JUMP, target="s1", after_s=0, by_s=-60.0)
GAP = Fault(kind=Kind.KILL, at="s2.fetched")
SLOW = Fault(kind=Kind.SLOW_S2, after_s=0)

_LOOP = """
import sys, time
from shared import clock
from shared.bus import failpoints
for line in sys.stdin:
    began = time.monotonic()
    failpoints.hit(line.strip())
    print(round(clock.wall() - time.time()), time.monotonic() - began > 0.3, flush=True)
"""


_WRITES = """
import sys
for line in sys.stdin:
    try:
        open(sys.argv[1], "ab", 0).write(b"r" * 200)
        print("ok", flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""


def began(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def says(process: subprocess.Popen[str], point: str) -> str:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{point}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_a_process_is_harmed_while_a_switch_is_on(tmp_path: Path) -> None:
    switches = Switches(tmp_path)
    with began("-c", _LOOP, env=environment(tmp_path, "s1")) as process:
        assert says(process, "s2.fetched") == "0 False"
        switches.on(JUMP)
        assert says(process, "s2.fetched") == "-60 False"
        switches.off(JUMP)
        switches.on(SLOW)
        assert says(process, "s2.answering") == "0 True"
        switches.off(SLOW)
        assert says(process, "s2.answering") == "0 False"
        switches.on(GAP)
        assert not switches.acted(GAP)
        assert says(process, "s2.fetched") == ""
        assert switches.acted(GAP)
        assert process.wait(10) == -9


def test_switches_that_a_harness_left_on_are_off_for_the_next_one(tmp_path: Path) -> None:
    Switches(tmp_path).on(GAP)
    Switches(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_fault_that_needs_a_switch_has_one_of_its_own() -> None:
    cut = Fault(kind=Kind.CUT, target="s1", after_s=0)
    faults = [JUMP, GAP, SLOW, cut, cut.model_copy(update={"abrupt": True})]
    assert len({switch_of(fault) for fault in faults}) == len(faults)
    assert switch_of(Fault(kind=Kind.KILL, target="s1", after_s=0)) == ""


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection through a link that is a process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = free_port()
        words = ("-m", "bench.chaos.links", str(port), f"127.0.0.1:{server.getsockname()[1]}", str(tmp_path))
        with began(*words, env={}) as process:
            deadline = time.monotonic() + 30
            while True:
                try:
                    here = socket.create_connection(("127.0.0.1", port), 5)
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            there, _ = server.accept()
            with here, there:
                for end in (here, there):
                    end.settimeout(5)
                yield here, there
            process.terminate()


def test_a_link_is_cut_while_its_switch_is_on(
    linked: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    here, there = linked
    here.sendall(b"one")
    assert there.recv(9) == b"one"
    (tmp_path / CUT).touch()
    time.sleep(0.3)
    here.sendall(b"two")
    there.settimeout(0.4)
    with pytest.raises(TimeoutError):
        there.recv(9)
    (tmp_path / CUT).unlink()
    there.settimeout(5)
    assert there.recv(9) == b"two"


def test_an_abrupt_cut_ends_connections(linked: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    here, there = linked
    (tmp_path / CUT_ABRUPT).touch()
    for end in (here, there):
        with contextlib.suppress(ConnectionResetError):
            assert end.recv(9) == b""


def test_a_process_has_no_room_for_a_record_until_it_is_freed(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    with began("-c", _WRITES, str(file), env={}) as process:
        assert says(process, "") == "ok"
        room.take([process.pid], file)
        says(process, "")  # what still fits
        assert says(process, "") == "27"  # EFBIG
        room.free([process.pid])
        assert says(process, "") == "ok"
        process.kill()


def test_the_overlay_reaches_every_process_and_puts_the_store_on_a_small_disk(tmp_path: Path) -> None:
    file = tmp_path / "over.yml"
    write_overlay(file, switches=tmp_path / "switches", broker_image="nats:test")
    whole = yaml.safe_load(file.read_text())
    for name in (*SERVICES, "bench"):
        found = whole["services"][name]
        assert found["init"] is True
        assert found["volumes"] == [f"{tmp_path / 'switches'}:/switches"]
        assert found["environment"] == environment("/switches", name)
    assert whole["services"]["nats"]["volumes"] == whole["services"][DISK]["volumes"] == [f"{STORE}:/data"]
    assert "size=512m" in whole["volumes"][STORE]["driver_opts"]["o"]


def test_compose_sees_the_overlay_behind_its_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMPOSE_FILE", raising=False)
    with pytest.raises(ConfigError, match=r"docker-compose\.yml"):
        compose_environment(tmp_path / "over.yml")
    (tmp_path / "docker-compose.yml").touch()
    assert (
        compose_environment(tmp_path / "over.yml")["COMPOSE_FILE"]
        == f"docker-compose.yml:{tmp_path}/over.yml"
    )

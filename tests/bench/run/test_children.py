from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.run.children import Child, Crew, child_env, tail
from shared.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def crew() -> Iterator[Crew]:
    made = Crew()
    yield made
    made.stop(grace_s=1.0)


def child(folder: Path, *program: str) -> Child:
    return Child(program[0], ["exec", sys.executable, *program[1:]], folder / "log", child_env({}))


def until(true: Callable[[], object], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_child_that_dies_is_started_again(crew: Crew, tmp_path: Path) -> None:
    sleeper = child(tmp_path, "sleeper", "-c", "import time; time.sleep(600)")
    crew.add(sleeper)
    until(lambda: sleeper.pid)
    first = sleeper.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: sleeper.pid not in (None, first))
    assert sleeper.starts == 2


def test_a_child_that_ends_with_the_users_mistake_is_not_started_again(crew: Crew, tmp_path: Path) -> None:
    code = "import sys; print('dsb: no such model'); sys.exit(2)"
    mistaken = child(tmp_path, "mistaken", "-c", code)
    crew.add(mistaken)
    until(lambda: mistaken.mistake)
    with pytest.raises(ConfigError, match=r"^no such model$"):
        crew.check()
    assert mistaken.starts == 1


def test_stop_ends_children_that_ignore_the_polite_way(tmp_path: Path) -> None:
    crew = Crew()
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\n"
    deaf = child(tmp_path, "deaf", "-c", code + "while True: time.sleep(1)")
    crew.add(deaf)
    until(lambda: tail(tmp_path / "log"))
    pid = deaf.pid
    assert pid is not None
    crew.stop(grace_s=0.3)
    assert not psutil.pid_exists(pid)


def test_children_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = (
        "import sys, time; from pathlib import Path; from bench.run.children import Child, Crew, child_env\n"
        "crew = Crew()\n"
        "sleeper = ['exec', sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "one = Child('one', sleeper, Path(sys.argv[1]) / 'log', child_env({}))\n"
        "crew.add(one)\n"
        "while one.pid is None: time.sleep(0.02)\n"
        "time.sleep(0.5); print(one.pid, flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert psutil.pid_exists(pid)
    process.kill()
    process.wait()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_children_import_what_we_import_whatever_the_folder(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "__init__.py").write_text("raise RuntimeError('foreign')")
    code = "import shared.errors, sys; print(shared.errors.__file__)"
    said = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=child_env({}), capture_output=True, text=True
    )
    assert Path(said.stdout.strip()).is_relative_to(ROOT), said.stderr

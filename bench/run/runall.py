"""All shards of a run, several at a time, each a process of its own with a stack of its own; then one run of all.

It may be called again at any time: only plays that lack an answer are played, and what is complete is merged
again to the same bytes. A shard that dies loses nothing that was recorded. Shards end with this process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.run.children import child_env, tail
from bench.run.merge import merge, shard_folder
from bench.run.preparing import Whole
from bench.run.shards import Cost, Shard, cost
from bench.run.stop import Stop, on_signals
from shared.errors import ConfigError

__all__ = ["Planned", "planned", "run_shards"]

Say = Callable[[str], None]
_LOOK_S = 0.1
_GRACE_S = 60.0
"""How long a shard may take to end when it is asked to."""
_TELL_S = 15.0
_USER_MISTAKE = 2


class Planned(NamedTuple):
    """What a shard has to do."""

    shard: Shard
    cost: Cost
    left: Cost


def planned(whole: Whole) -> list[Planned]:
    """The shards of a run, what each costs, and how much of that is left."""
    route, of = whole.config.system.route, len(whole.shares)
    return [
        Planned(Shard(number, of), cost(share, route), cost(whole.left(number), route))
        for number, share in enumerate(whole.shares, 1)
    ]


def run_shards(whole: Whole, words: Sequence[str], *, parallel: int, say: Say, stop: Stop) -> bool:
    """Play what is left, `parallel` shards at a time, and merge; whether the run is complete. Blocks.

    `words` is the `dsb run …` command of a shard but for `--shards k/N`. Raises `ConfigError` with a shard's
    own words when it found a mistake.
    """
    waiting = [item.shard for item in planned(whole) if item.left.videos]
    with whole.folder.locked(), on_signals(stop):
        _play(whole, waiting, words, parallel, say, stop)
    if any(whole.left(number) for number in range(1, len(whole.shares) + 1)):
        return False
    merge(whole.folder)
    return True


@dataclass
class _Running:
    shard: Shard
    process: subprocess.Popen[bytes]
    log: Path
    began: float


def _play(
    whole: Whole, waiting: list[Shard], words: Sequence[str], parallel: int, say: Say, stop: Stop
) -> None:
    watch, hold = os.pipe()  # closes when this process dies, however that happens
    running: list[_Running] = []
    answers = _Answers(whole, say)
    try:
        while (waiting and not stop.is_set()) or running:
            while waiting and len(running) < parallel and not stop.is_set():
                running.append(_begin(whole, waiting.pop(0), words, watch))
                say(f"shard {running[-1].shard} has begun; log: {running[-1].log}")
            if stop.is_set():
                _end(running)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                _ended(whole, one, say, stop)
            answers.tell()
            time.sleep(_LOOK_S)
    finally:
        _end(running)
        os.close(watch)
        os.close(hold)


class _Answers:
    """Counts the answers of all shards, and tells of them now and then."""

    def __init__(self, whole: Whole, say: Say) -> None:
        of = len(whole.shares)
        folders = [shard_folder(whole.folder.path, Shard(number, of)) for number in range(1, of + 1)]
        self._read = {folder.records_path: 0 for folder in folders}
        self._owed = sum(cost(share, whole.config.system.route).answers for share in whole.shares)
        self._say, self._count, self._told = say, 0, time.monotonic()

    def tell(self) -> None:
        """Say how many answers there are, if it is time."""
        if time.monotonic() - self._told < _TELL_S:
            return
        self._told = time.monotonic()
        for path, offset in self._read.items():
            if path.exists():
                with path.open("rb") as file:
                    file.seek(offset)
                    self._count += sum(b'"kind":"emission"' not in line for line in file)
                    self._read[path] = file.tell()
        self._say(f"{self._count} answers of {self._owed}")


def _begin(whole: Whole, shard: Shard, words: Sequence[str], watch: int) -> _Running:
    folder = shard_folder(whole.folder.path, shard).path
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    command = [sys.executable, "-P", "-m", "bench.cli", *words, "--shards", str(shard)]
    # -P keeps a foreign `bench/` of the working folder out of the child's path.
    argv = [sys.executable, "-P", "-m", "bench.run.child", str(watch), "exec", *command]
    with log.open("ab") as out:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=child_env({}),
            pass_fds=(watch,),
            start_new_session=True,  # Ctrl-C at the terminal is handled here
        )
    return _Running(shard, process, log, time.monotonic())


def _ended(whole: Whole, one: _Running, say: Say, stop: Stop) -> None:
    code = one.process.returncode
    if code == _USER_MISTAKE and not stop.is_set():
        raise ConfigError(tail(one.log, 1).removeprefix("dsb: ") or f"shard {one.shard} ended; see {one.log}")
    lacking = len(whole.left(one.shard.number))
    if not lacking:
        say(f"shard {one.shard} is complete after {time.monotonic() - one.began:.0f} s")
    elif not stop.is_set():
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        say(f"shard {one.shard} {how}; {lacking} of its videos lack an answer; see {one.log}")


def _end(running: Sequence[_Running]) -> None:
    """Ask all to end, which keeps what they recorded; then by force."""
    for one in running:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    for one in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.process.wait(max(0.1, deadline - time.monotonic()))
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()

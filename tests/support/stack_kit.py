"""What tests of the whole stack share: models with random weights, a small data set, runs, and how runs compare.

Random weights make every answer a hard-to-guess function of exactly the pixels, notes and words in the prompt, which
is what a test of equality wants.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tiny_llava

from bench.chaos import Fault, Kind
from bench.data import Dataset, load_dataset, save_dataset
from bench.data.synth import Recipe, build
from bench.run.audit import audit_run
from bench.run.config import RunConfig, load_config
from bench.run.driver import Prepared, play, prepare, stack_spec
from bench.run.embedded import Stack
from bench.run.folder import RunFolder
from bench.run.records import Final, Record, effective, strip_timings

ROOT = Path(__file__).resolve().parents[2]


class Kit:
    """A scratch folder with checkpoints `s1` and `s2`, a data set `data`, and runs in `runs`."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        # Of the seeds that were tried, these say yes now and then.
        for name, seed in (("s1", 15), ("s2", 10)):
            tiny_llava.save(folder / name, seed=seed)
        self.data = build(folder / "data", recipe)

    def config(self, name: str = "", **settings: Any) -> RunConfig:
        """A run's configuration; `settings` by dotted key with `__` for the dot."""
        dotted = {key.replace("__", "."): value for key, value in settings.items()}
        basic = {
            "dataset.path": str(self.data.path),
            "model.s1.path": str(self.folder / "s1"),
            "model.s2.path": str(self.folder / "s2"),
            "output.dir": str(self.folder / "runs"),
            "output.name": name,
        }
        return load_config(None, {**basic, **dotted})

    def yaml(self, name: str, **settings: Any) -> Path:
        """The same as a file, for the command line."""
        import yaml

        path = self.folder / f"{name or 'run'}.yaml"
        path.write_text(yaml.safe_dump(self.config(name, **settings).model_dump(mode="json")))
        return path

    def altered(self, name: str, change: Callable[[int, str], str]) -> str:
        """A copy of the data set in which `change(number, question)` reworded the questions; gives its path."""
        samples = []
        for number, sample in enumerate(self.data.samples):
            turns = tuple(
                turn.model_copy(update={"question": change(number, turn.question)}) for turn in sample.turns
            )
            streams = tuple(
                stream.model_copy(update={"uri": self.data.uri(sample)}) for stream in sample.streams
            )
            samples.append(sample.model_copy(update={"turns": turns, "streams": streams}))
        path = self.folder / name / "all.json"
        save_dataset(Dataset(path, name, tuple(samples)))
        return str(load_dataset(path).path)

    def stack(self, name: str, **fields: Any) -> Stack:
        """An embedded stack that serves this kit's models; start it with `with`."""
        return Stack(stack_spec(self.config(), self.folder / name, **fields))

    def run(self, name: str, *, nats: str = "", **settings: Any) -> RunFolder:
        """Play a run to its end."""
        prepared = prepare(self.config(name, **settings))
        assert play(prepared, nats=nats)
        return prepared.folder


class Running:
    """A run that plays in a thread, so that a test can do harm meanwhile."""

    def __init__(self, prepared: Prepared, nats: str) -> None:
        self.folder = prepared.folder
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._play, args=(prepared, nats), daemon=True)
        self._thread.start()

    def _play(self, prepared: Prepared, nats: str) -> None:
        try:
            play(prepared, nats=nats)
        except BaseException as error:  # noqa: BLE001 - raised again by `finish`
            self._error = error

    def until(self, records: int, timeout: float = 60.0) -> None:
        """Wait for so many records."""
        wait_records(self.folder.path, records, timeout)

    def finish(self, timeout: float = 180.0) -> RunFolder:
        """Wait for the end; raises what the run raised."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"still running with {len(self.folder.records())} records"
        if self._error:
            raise self._error
        return self.folder


def wait_records(folder: Path, records: int, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    file = folder / "records.jsonl"
    while not file.exists() or file.read_bytes().count(b"\n") < records:
        assert time.monotonic() < deadline, f"fewer than {records} records after {timeout} s"
        time.sleep(0.02)


def answers(folder: RunFolder) -> dict[Final, dict[str, Any]]:
    """What the run answered, without timings, emissions by tick; fails when a final or an emission is there twice."""
    found: dict[Final, dict[str, Any]] = {}
    emitted: dict[Final, dict[int, dict[str, Any]]] = {}
    for record in effective(folder.records()):
        if record.kind == "emission":
            ticks = emitted.setdefault(record.final, {})
            assert record.tick is not None
            assert record.tick not in ticks, f"twice: {record.final}, tick {record.tick}"
            ticks[record.tick] = {**strip_timings(record), "t_emit": record.t_emit}
        else:
            assert record.final not in found, f"twice: {record.final}"
            found[record.final] = strip_timings(record)
    assert emitted.keys() <= found.keys()
    return {final: {**data, "emissions": emitted.get(final, {})} for final, data in found.items()}


def assert_sound(folder: RunFolder) -> None:
    """Every final is there once, and causal."""
    assert audit_run(folder).violations == ()


def assert_same(folder: RunFolder, expected: Mapping[Final, Mapping[str, Any]]) -> None:
    """The run is sound, and gave exactly these answers."""
    assert_sound(folder)
    got = answers(folder)
    assert got.keys() == expected.keys()
    wrong = [(key, field) for key in got for field in got[key] if got[key][field] != expected[key][field]]
    assert wrong == []


def record(folder: RunFolder, sample: str, path: str) -> Record:
    [found] = [r for r in effective(folder.records()) if r.sample == sample and r.path == path]
    return found


def dsb(*words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """The command line, as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT), **(env or {})},
    )


def killed_at(gap: str) -> Fault:
    """The fault that kills whoever comes to a failpoint first."""
    return Fault(kind=Kind.KILL, at=gap)


def killed(process: subprocess.Popen[str]) -> bool:
    """Whether the process was killed by SIGKILL."""
    process.communicate(timeout=120)
    return process.returncode == -signal.SIGKILL

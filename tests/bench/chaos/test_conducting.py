"""When faults strike, are lifted and are over, on a backend that does what a test says."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Self

import pytest

from bench.chaos import Fault, Job, Kind, Plan, Reference, conduct
from bench.chaos.conduct import _Conductor
from bench.chaos.outcome import Struck
from bench.run.folder import RunFolder
from shared.errors import ConfigError


class Scripted:
    """A run of `play_s`; `back_s` says how long after its strike a target is ready again, `absent` who is not hit."""

    def __init__(self, *, play_s: float = 1.0, back_s: dict[str, float] | None = None) -> None:
        self.play_s, self.back_s = play_s, back_s or {}
        self.absent: dict[str, float] = {}
        self.began = 0.0
        self.struck: dict[str, float] = {}
        self.lifted: list[str] = []
        self.over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None: ...

    def refusal(self, fault: Fault) -> str:
        return ""

    def play(self, job: Job, *, resume: bool) -> None:
        self.began = time.monotonic()
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "plays.jsonl").write_text("{}\n")

    def ended(self) -> int | None:
        return 0 if self.over or time.monotonic() - self.began > self.play_s else None

    def abandon(self) -> None:
        self.over = True

    def said(self) -> str:
        return ""

    def arm(self, fault: Fault) -> None: ...

    def sprung(self, fault: Fault) -> bool:
        return False

    def strike(self, fault: Fault) -> bool:
        if time.monotonic() - self.began < self.absent.get(fault.target, 0.0):
            return False
        self.struck[fault.target] = time.monotonic()
        return True

    def lift(self, fault: Fault) -> None:
        self.lifted.append(fault.target)

    def ready(self, target: str = "") -> bool:
        now = time.monotonic()
        return not target or now - self.struck.get(target, now) >= self.back_s.get(target, 0.0)


def played(backend: Scripted, folder: Path, *faults: Fault) -> tuple[str, list[Struck]]:
    conductor = _Conductor(backend, Job(folder / "run.yaml", folder, "run"), faults, limit_s=30.0)
    trouble = conductor.play()
    return trouble or conductor.settle(), conductor.struck()


def kill(target: str, **when: Any) -> Fault:
    return Fault(kind=Kind.KILL, target=target, **{"after_s": 0.1, **when})


def test_each_fault_is_timed_by_itself(tmp_path: Path) -> None:
    backend = Scripted(back_s={"s1": 0.8})
    trouble, (slow, quick) = played(backend, tmp_path, kill("s1"), kill("s2"))
    assert trouble == ""
    assert slow.ready_s is not None
    assert quick.ready_s is not None
    assert quick.ready_s < 0.4 < slow.ready_s


def test_who_is_ready_only_after_the_run_is_timed_all_the_same(tmp_path: Path) -> None:
    backend = Scripted(play_s=0.5, back_s={"s1": 1.2})
    _, (late, soon) = played(backend, tmp_path, kill("s1"), kill("s2", after_s=0.4))
    assert late.ready_s is not None
    assert soon.ready_s is not None
    assert soon.ready_s < 0.6 < 1.1 < late.ready_s


def test_a_fault_that_hits_nobody_is_tried_again(tmp_path: Path) -> None:
    backend = Scripted()
    backend.absent = {"s1": 0.5}
    _, (hit,) = played(backend, tmp_path, kill("s1"))
    assert hit.struck_s is not None
    assert hit.struck_s >= 0.4


def test_a_fault_that_never_hits_anybody_has_not_struck(tmp_path: Path) -> None:
    backend = Scripted()
    backend.absent = {"s1": 60.0}
    trouble, (missed,) = played(backend, tmp_path, kill("s1"))
    assert (trouble, missed.struck_s) == ("", None)


def test_a_gap_that_nobody_comes_to_leaves_no_trouble(tmp_path: Path) -> None:
    trouble, (missed,) = played(Scripted(), tmp_path, Fault(kind=Kind.KILL, at="s2.fetched"))
    assert (trouble, missed.struck_s) == ("", None)


def test_faults_are_lifted_when_the_harness_breaks(tmp_path: Path) -> None:
    class Broken(Scripted):
        def strike(self, fault: Fault) -> bool:
            if fault.target == "s2":
                raise ConfigError("no engine answers")
            return super().strike(fault)

    backend = Broken()
    pause = Fault(kind=Kind.PAUSE, target="s1", after_s=0.0, for_s=60)
    plan = Plan(faults=(pause, kill("s2", after_s=0.2)))
    job = Job(tmp_path / "run.yaml", tmp_path, "run")
    with pytest.raises(ConfigError, match="no engine"):
        conduct(plan, backend, job, Reference(RunFolder(tmp_path / "run"), 0.0, 0.0))
    assert set(backend.lifted) == {"s1", "s2"}

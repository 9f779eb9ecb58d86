"""Conducting a plan: the run plays, each fault strikes when it is due and is lifted, and what came of it is noted.

A bench that a fault ended is started again as a person would, with `--resume`. Whatever happens, every fault is
lifted at the end, and the stack must come back.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.chaos.backend import Backend, Job
from bench.chaos.compare import compare
from bench.chaos.outcome import Outcome, Struck, write_outcome
from bench.chaos.plan import BENCH, Fault, Plan
from bench.chaos.watch import Watch
from bench.run.folder import RunFolder
from shared.errors import ConfigError, DataError, DsbError

__all__ = ["Reference", "conduct", "play_plain", "require"]

_LOOK_S = 0.02
_PROBE_EVERY_S = 0.1
_LIMIT_S = 300.0
_BACK_S = 240.0
"""How long a stack may take to come back when all faults are over."""
_RESUMES = 4
_PATHS = {"s1": frozenset({"s1"}), "s2": frozenset({"s2"})}
"""Records that lead through a target; of the others all do."""


@dataclass(frozen=True)
class Reference:
    """The same run without faults."""

    folder: RunFolder
    seconds: float
    """From starting the bench until it ended."""
    play_s: float
    """From the first play until the last record."""


@dataclass
class _Course:
    """A fault on its way."""

    fault: Fault
    armed: bool = False
    struck: float | None = None
    lifted: float | None = None
    ready: float | None = None
    recovered: float | None = None
    probed: float = 0.0


class _Conductor:
    def __init__(self, backend: Backend, job: Job, faults: Sequence[Fault], *, limit_s: float) -> None:
        self._backend, self._job, self._limit_s = backend, job, limit_s
        self.courses = [_Course(fault) for fault in faults]
        self.watch = Watch(job.folder)
        self.resumed = 0

    def play(self) -> str:
        """Play to the end; empty when that was reached, else why not."""
        deadline = time.monotonic() + self._limit_s
        self._backend.play(self._job, resume=False)
        while (now := self.watch.look()) < deadline:
            for course in self.courses:
                self._advance(course, now)
            code = self._backend.ended()
            if code is not None:
                # What it wrote last belongs to it.
                now = self.watch.look()
                for course in self.courses:
                    self._advance(course, now)
                if code == 0:
                    return ""
                if not self._goes_on(now):
                    return f"the bench ended with exit code {code}: {self._backend.said()}"
            time.sleep(_LOOK_S)
        return f"not over after {self._limit_s:g} s: {self._backend.said()}"

    def _goes_on(self, now: float) -> bool:
        """Whether a fault explains the end of the bench; it is started again when that is over."""
        hit = [one for one in self.courses if one.fault.target == BENCH and one.struck is not None]
        if not hit or self.resumed >= _RESUMES:
            return False
        if any(one.lifted is None for one in hit):
            return True
        self.resumed += 1
        self._backend.play(self._job, resume=(self._job.folder / "manifest.json").exists())
        return True

    def _advance(self, course: _Course, now: float) -> None:
        if course.struck is None:
            self._strike_if_due(course, now)
        elif course.lifted is None:
            if not course.fault.lasts or now - course.struck >= course.fault.for_s:
                self._backend.lift(course.fault)
                course.lifted = time.monotonic()
        elif course.ready is None:
            self._probe(course)
        elif course.recovered is None:
            paths = _PATHS.get(course.fault.service, frozenset())
            course.recovered = self.watch.first(paths, course.ready)

    def _probe(self, course: _Course) -> None:
        if time.monotonic() - course.probed >= _PROBE_EVERY_S:
            course.probed = time.monotonic()
            if self._backend.ready(course.fault.target):
                course.ready = time.monotonic()

    def _strike_if_due(self, course: _Course, now: float) -> None:
        fault = course.fault
        if course.armed:
            if self._backend.sprung(fault):
                course.struck = now
            return
        if not self._due(fault, now):
            return
        if fault.at:
            course.armed = True
            self._backend.arm(fault)
            return
        if self._backend.ended() is None:
            # One that hits nobody, such as a process that is just being started again, is tried anew.
            at = time.monotonic()
            if self._backend.strike(fault):
                course.struck = at

    def _due(self, fault: Fault, now: float) -> bool:
        if fault.after_s is None and fault.after_records is None:
            return True
        if self.watch.began is None or len(self.watch.seen) < (fault.after_records or 0):
            return False
        return not isinstance(fault.after_s, float) or now - self.watch.began >= fault.after_s

    def lift(self) -> None:
        """End the bench, and every fault that was not ended yet; of those that can't be, the first is raised then."""
        self._backend.abandon()
        failed: list[DsbError] = []
        for course in self.courses:
            if course.lifted is None:
                try:
                    self._backend.lift(course.fault)
                except DsbError as error:
                    failed.append(error)
                course.lifted = time.monotonic()
        if failed:
            raise failed[0]

    def settle(self) -> str:
        """Lift what is left, and wait until the stack is whole; empty when it is, else what is not."""
        self.lift()
        deadline = time.monotonic() + _BACK_S
        waiting = [one for one in self.courses if one.struck is not None and one.fault.target != BENCH]
        while True:
            for course in waiting:
                if course.ready is None:
                    self._probe(course)
            if all(one.ready is not None for one in waiting) and self._backend.ready():
                return ""
            if time.monotonic() > deadline:
                return f"the stack was not ready again within {_BACK_S:g} s"
            time.sleep(_PROBE_EVERY_S)

    def struck(self) -> list[Struck]:
        """What each fault came to."""
        return [_told(course, self.watch.began or 0.0) for course in self.courses]


def _told(course: _Course, began: float) -> Struck:
    fault, struck = course.fault, course.struck

    def since(moment: float | None) -> float | None:
        return None if moment is None or struck is None else round(max(0.0, moment - struck), 3)

    return Struck(
        fault=str(fault),
        kind=fault.kind,
        target=fault.target,
        at=fault.at,
        struck_s=None if struck is None else round(max(0.0, struck - began), 3),
        lasted_s=(since(course.lifted) or 0.0) if fault.lasts else 0.0,
        ready_s=since(course.ready),
        recovery_s=since(course.recovered),
    )


def require(plan: Plan, backend: Backend) -> None:
    """Raise `ConfigError` for the first fault that can't be had there; the backend need not be started."""
    for fault in plan.drawn():
        if refusal := backend.refusal(fault):
            raise ConfigError(f"{fault}: {refusal}")


def play_plain(backend: Backend, job: Job) -> Reference:
    """Play without faults, however long it takes; raises `DataError` when the run does not end well."""
    plain = _Conductor(backend, job, (), limit_s=math.inf)
    began = time.monotonic()
    if trouble := plain.play():
        backend.abandon()
        raise DataError(f"the run without faults failed: {trouble}; mend that first")
    seen, first = plain.watch.seen, plain.watch.began
    play_s = seen[-1].at - first if seen and first is not None else 0.0
    return Reference(RunFolder.open(job.folder), round(time.monotonic() - began, 3), round(play_s, 3))


def conduct(
    plan: Plan, backend: Backend, job: Job, reference: Reference, *, limit_s: float = _LIMIT_S
) -> Outcome:
    """Play the plan's run under its faults, compare it, and leave `chaos.json` in its folder.

    It may take `limit_s`, and thrice as long as without faults. Raises `ConfigError` before anything is played,
    when a fault can't be had on this backend.
    """
    require(plan, backend)
    lasting = sum(fault.for_s for fault in plan.faults)
    limit_s += 3 * reference.seconds + lasting
    conductor = _Conductor(backend, job, plan.drawn(), limit_s=limit_s)
    began = time.monotonic()
    try:
        trouble = conductor.play()
    except BaseException:
        conductor.lift()
        raise
    seconds = time.monotonic() - began
    load = os.getloadavg()[0]
    trouble = " ".join(filter(None, [trouble, conductor.settle()]))
    folder = RunFolder.open(job.folder)
    difference = compare(folder, reference.folder)
    outcome = Outcome(
        run=job.name,
        reference=str(reference.folder.path),
        plan=plan,
        seconds=round(seconds, 3),
        reference_s=reference.seconds,
        cores=os.cpu_count() or 1,
        load=round(load, 2),
        faults=tuple(conductor.struck()),
        resumed=conductor.resumed,
        trouble=trouble,
        **difference._asdict(),
    )
    write_outcome(job.folder, outcome)
    return outcome

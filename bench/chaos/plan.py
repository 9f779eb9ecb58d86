"""A fault plan: a run's configuration, what is done to the stack while it plays, and where it plays.

A fault strikes at a time, after some records, at a failpoint, or at a failpoint from then on. What may be a range
is drawn from the plan's seed, so that a plan is always the same.
"""

from __future__ import annotations

import random
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.chaos.gaps import GAPS
from bench.run.yaml_source import YamlSource, read_yaml
from shared.errors import ConfigError
from shared.service import SERVICES

__all__ = ["BENCH", "BROKER", "BackendName", "Fault", "Kind", "Plan", "load_plan"]

BROKER, BENCH = "nats", "bench"
BackendName = Literal["embedded", "compose", "kubernetes"]
Seconds = Annotated[float, Field(ge=0)]


class Kind(StrEnum):
    """What is done."""

    KILL = "kill"
    """SIGKILL."""
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT after `for_s`."""
    CUT = "cut"
    """No byte passes between the target and the broker for `for_s`."""
    BROKER_RESTART = "broker-restart"
    """The broker is told to stop, and started again."""
    CLOCK_JUMP = "clock-jump"
    """The target's wall clock jumps by `by_s`, and back after `for_s`; its monotonic clock goes on, as clocks do."""
    DISK_FULL = "disk-full"
    """No room for `for_s`: for the broker's store (`nats`), or for the run folder (`bench`)."""
    SLOW_S2 = "slow-s2"
    """S2 takes longer over every answer for `for_s`."""


_ALL = (*SERVICES, BROKER, BENCH)
_TARGETS = {
    Kind.KILL: _ALL,
    Kind.PAUSE: _ALL,
    Kind.CUT: (*SERVICES, BENCH),
    Kind.BROKER_RESTART: (BROKER,),
    Kind.CLOCK_JUMP: SERVICES,
    Kind.DISK_FULL: (BROKER, BENCH),
    Kind.SLOW_S2: ("s2",),
}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Fault(_Section):
    """One thing that is done to the stack."""

    kind: Kind
    target: str = ""
    """A service, one of its processes (`s2-1`), `nats` or `bench`; may be left out where there is no choice."""
    after_s: Seconds | tuple[Seconds, Seconds] | None = None
    """Wall-clock seconds since the first play began, or a range to draw them from."""
    after_records: Annotated[int, Field(ge=0)] | None = None
    """Lines in `records.jsonl`."""
    at: str = ""
    """A failpoint: whoever comes there first is hit (`kill` and `pause`)."""
    for_s: Seconds = 3.0
    """How long it lasts; of no meaning for `kill` and `broker-restart`."""
    by_s: float = 3600.0
    """By how much a clock jumps, seconds."""
    abrupt: bool = False
    """A cut breaks the connections, and refuses new ones; else bytes just stop coming."""

    @model_validator(mode="before")
    @classmethod
    def _targeted(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("target"):
            return data
        # Compared, not looked up: what stands there need not be hashable.
        only = next((targets for kind, targets in _TARGETS.items() if kind == data.get("kind")), ())
        where = str(data.get("at") or "").partition(".")[0]
        return {**data, "target": where or (only[0] if len(only) == 1 else "")}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        allowed = _TARGETS[self.kind]
        if self.service not in allowed:
            raise ValueError(
                f"{self.kind} can't be done to {self.target!r}: choose one of {', '.join(allowed)}"
            )
        if self.at and self.kind not in (Kind.KILL, Kind.PAUSE):
            raise ValueError(
                f"{self.kind} does not strike at a failpoint: leave `at` out, or choose kill or pause"
            )
        if self.at and self.at.partition(".")[0] != self.service:
            raise ValueError(f"failpoint {self.at} is not in {self.service}: leave `target` out")
        if self.at and self.target != self.service:
            raise ValueError(
                f"a failpoint hits whoever comes there first: leave the number in {self.target!r} out"
            )
        if not self.at and self.after_s is None and self.after_records is None:
            raise ValueError("does not say when it strikes: give after_s, after_records or at")
        return self

    @field_validator("at")
    @classmethod
    def _known(cls, at: str) -> str:
        if at and at not in GAPS:
            raise ValueError(f"no such failpoint; there are {', '.join(GAPS)}")
        return at

    @property
    def service(self) -> str:
        """The target, without the number of a process."""
        name, _, number = self.target.rpartition("-")
        return name if number.isdigit() else self.target

    @property
    def lasts(self) -> bool:
        """Whether it has to be ended by whoever began it."""
        return self.kind not in (Kind.KILL, Kind.BROKER_RESTART)

    def __str__(self) -> str:
        how = " (abrupt)" if self.kind is Kind.CUT and self.abrupt else ""
        when = [
            f"after {self.after_s} s" if self.after_s is not None else "",
            f"after {self.after_records} records" if self.after_records is not None else "",
            f"at {self.at}" if self.at else "",
        ]
        return f"{self.kind} {self.target}{how} {' '.join(filter(None, when))}"


class Plan(_Section):
    """A run, and what is done to it."""

    config: str = "demo"
    """A run's YAML file, or an example that ships."""
    settings: dict[str, Any] = {}
    """Of the run, by dotted key (`dataset.max_samples`), over what `config` says."""
    backend: BackendName = "embedded"
    seed: int = 0
    """What ranges are drawn from."""
    env: dict[str, str] = {}
    """`DSB_…` settings of the services (embedded), such as a shorter lease."""
    counts: dict[str, int] = {}
    """Processes a service (embedded); 1 where nothing is said."""
    reference: str = ""
    """A folder of the same run without faults; made first when empty."""
    faults: Annotated[tuple[Fault, ...], Field(min_length=1)]

    @field_validator("faults")
    @classmethod
    def _apart(cls, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        places = [(fault.kind, fault.at) for fault in faults if fault.at]
        if twice := next((place for place in places if places.count(place) > 1), None):
            raise ValueError(
                f"two faults {twice[0]} at {twice[1]}, which one hit would count for: leave one out"
            )
        return faults

    def drawn(self) -> tuple[Fault, ...]:
        """The faults, with every range drawn."""
        rng = random.Random(self.seed)
        return tuple(
            fault.model_copy(update={"after_s": round(rng.uniform(*fault.after_s), 3)})
            if isinstance(fault.after_s, tuple)
            else fault
            for fault in self.faults
        )


def load_plan(path: str | Path) -> Plan:
    """Read a plan; raises `ConfigError` in one line that names file, line and key."""
    source = read_yaml(
        Path(path), remedy="a plan is a YAML file with `faults`: docs/operations.md has one to copy"
    )
    try:
        return Plan.model_validate(source.value)
    except ValidationError as error:
        raise ConfigError(_one_line(source, error)) from error


def _one_line(source: YamlSource, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    where = source.where(key)
    if first["type"] == "extra_forbidden":
        last = str(first["loc"][-1])
        section = Fault if first["loc"][0] == "faults" else Plan
        return f"{where}: {last} is no setting of a plan; known here: {', '.join(section.model_fields)}"
    text = " ".join(first["msg"].removeprefix("Value error, ").split())
    given = first.get("input")
    shown = f" is {str(given)[:60]!r}" if not isinstance(given, dict | list) else ""
    return f"{where}: {key or 'the plan'}{shown}: {text}"

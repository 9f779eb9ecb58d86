"""What a plan came to: the content of `chaos.json` in the run's folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.chaos.plan import Plan
from bench.files import read_json, write_atomic
from shared.errors import DataError

__all__ = ["Moved", "Outcome", "Struck", "read_outcome", "write_outcome"]

_FILE = "chaos.json"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Struck(_Value):
    """One fault as it went; seconds are wall clock, of the machine that struck."""

    fault: str
    kind: str
    target: str
    at: str = ""
    """The failpoint; empty at a time."""
    struck_s: float | None = None
    """Since the first play began; null: the run was over before."""
    lasted_s: float = 0.0
    """From the strike until it was lifted."""
    ready_s: float | None = None
    """From the strike until all of the target said again that it is ready, or the bench was going on."""
    recovery_s: float | None = None
    """From the strike to the first record thereafter on the paths that lead through the target.

    Null where the run needed no more answer.
    """

    def after(self, since_strike: float | None) -> float | None:
        """Seconds since the fault was over, of seconds since the strike; a kill is over at once."""
        return None if since_strike is None else max(0.0, since_strike - self.lasted_s)


class Moved(_Value):
    """A score that is not what it was."""

    part: str
    path: str
    score: str
    before: float | None
    after: float | None


class Outcome(_Value):
    """A run under faults beside the same run without."""

    run: str
    reference: str
    plan: Plan
    seconds: float
    """Wall clock, from starting the bench until it ended."""
    reference_s: float
    cores: int
    load: float
    """The machine's load average over a minute, when the run ended."""
    faults: tuple[Struck, ...]
    finals: int
    """Owed, and of the reference."""
    lost: tuple[str, ...] = ()
    """Finals and emissions that the reference has and this run lacks."""
    doubled: tuple[str, ...] = ()
    """Those that this run has twice, or beyond the reference."""
    changed: tuple[str, ...] = ()
    """Those whose answer or evidence differs, timings aside."""
    moved: tuple[Moved, ...] = ()
    violations: tuple[str, ...] = ()
    """What the audit of the run folder found."""
    resumed: int = 0
    """How often the bench had to be started again."""
    trouble: str = ""
    """Why the run did not end, or the stack did not come back."""

    @property
    def missed(self) -> tuple[Struck, ...]:
        """Faults that never struck."""
        return tuple(one for one in self.faults if one.struck_s is None)

    @property
    def sound(self) -> bool:
        """Nothing lost, nothing doubled, nothing changed, the stack up again, and every fault struck."""
        bad = (self.lost, self.doubled, self.changed, self.moved, self.violations, self.trouble, self.missed)
        return not any(bad)


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Keep it in the run's folder."""
    write_atomic(folder / _FILE, outcome.model_dump_json(indent=2).encode() + b"\n")


def read_outcome(folder: Path) -> Outcome | None:
    """What `chaos.json` says; null without one. Raises `DataError` when it can't be read."""
    file = folder / _FILE
    if not file.exists():
        return None
    try:
        return Outcome.model_validate(read_json(file, remedy="run the plan again"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "/".join(map(str, first["loc"]))
        raise DataError(f"{file}: /{where}: {first['msg']}; run the plan again") from error

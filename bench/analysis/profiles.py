"""Latency profiles: how long each stage of an answer took, as quantiles in whole microseconds.

A profile is taken from one run on one machine and replayed on any other: whole numbers only, so that a draw is the
same everywhere. What was waiting (the queue) is left out, since a replay makes its own; what no stage accounts for
is the stage `transport`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.files import read_json, write_atomic
from bench.run.lines import ScoredLine
from shared.errors import DataError

__all__ = ["STAGES", "LatencyProfile", "draw", "profile_of", "read_profile", "write_profile"]

STAGES = ("router", "gather", "retrieve", "vision", "model", "transport")
"""In the order in which an answer passes through them; `transport` is before and behind all others."""
_POINTS = 101
_BITS = 64

Quantiles = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2)]


class LatencyProfile(BaseModel):
    """Quantiles by kind of work (`s1`, `s2`, and `s1.tick`, `s2.tick` for looks at standing questions) and stage."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Annotated[Literal["dsb.latency/1"], Field(alias="schema")] = "dsb.latency/1"
    run: str = ""
    """The run it was taken from."""
    hardware: dict[str, object] = {}
    """Of the machine it was taken on."""
    counts: dict[str, int] = {}
    """How many answers each kind of work is known from."""
    stages: dict[str, dict[str, Quantiles]]
    """Microseconds at evenly spaced levels from 0 to 1."""


def profile_of(
    lines: Iterable[ScoredLine], *, run: str = "", hardware: Mapping[str, object] | None = None
) -> LatencyProfile:
    """The profile of the answers that came (status ok); raises `DataError` where there is none with timings."""
    taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    counts: dict[str, int] = defaultdict(int)
    for line in lines:
        work = _work(line)
        if line.status != "ok" or not line.stages:
            continue
        counts[work] += 1
        for stage in STAGES[:-1]:
            taken[work][stage].append(line.stages.get(stage, 0.0))
        if line.latency_s is not None:
            known = sum(seconds for stage, seconds in line.stages.items() if stage != "total")
            taken[work]["transport"].append(max(0.0, line.latency_s - known))
    if not counts:
        raise DataError("no answer of this run has timings: nothing to take a profile from")
    stages = {work: {stage: _quantiles(v) for stage, v in of.items() if any(v)} for work, of in taken.items()}
    return LatencyProfile(run=run, hardware=dict(hardware or {}), counts=dict(counts), stages=stages)


def _work(line: ScoredLine) -> str:
    return line.path if line.kind == "final" else f"{line.path}.tick"


def _quantiles(seconds: Iterable[float]) -> tuple[int, ...]:
    micros = np.sort(np.rint(np.array(list(seconds)) * 1e6).astype(np.int64))
    places = np.arange(_POINTS) * (len(micros) - 1) // (_POINTS - 1)
    return tuple(int(value) for value in micros[places])


def draw(profile: LatencyProfile, work: str, stage: str, name: str, scale: Fraction = Fraction(1)) -> int:
    """Microseconds of a stage for the answer called `name`: the same for the same arguments, on any machine.

    The inverse of the distribution function at a level that is a hash of the name; whole numbers throughout. A
    stage that the profile does not know takes no time.
    """
    known = profile.stages.get(work, {}).get(stage)
    if known is None:
        return 0
    level = int.from_bytes(blake2b(f"{work} {stage} {name}".encode(), digest_size=_BITS // 8).digest(), "big")
    whole, rest = divmod(level * (len(known) - 1), 1 << _BITS)
    value = known[whole] + ((known[whole + 1] - known[whole]) * rest >> _BITS)
    return value * scale.numerator // scale.denominator


def write_profile(path: Path, profile: LatencyProfile) -> None:
    """Write it, replacing the file whole."""
    write_atomic(path, profile.model_dump_json(by_alias=True, indent=1).encode() + b"\n")


def read_profile(path: Path) -> LatencyProfile:
    """Read one; raises `DataError` that names file, field and what is wrong."""
    remedy = "take a profile by `dsb analyze profile RUN --out FILE`"
    held = read_json(path, remedy=remedy)
    try:
        return LatencyProfile.model_validate(held)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "/" + "/".join(map(str, first["loc"]))
        raise DataError(f"{path}: {where}: {first['msg']}; {remedy}") from error

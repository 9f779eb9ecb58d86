"""A run scored by the virtual clock: the same digits on any machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.analysis.answered import answered
from bench.analysis.clock import Hardware, replay
from bench.analysis.profiles import LatencyProfile
from bench.analysis.revision import HORIZON_S, Revision, revisions
from bench.analysis.staleness import Staleness, staleness
from bench.data.schema import Sample
from bench.files import canonical
from bench.run.lines import SeenLine
from bench.scoring import score
from bench.scoring.base import Rules
from bench.scoring.scores import ScoreTable
from shared.errors import ConfigError

__all__ = ["Clocked", "clocked", "scales"]


class Clocked(BaseModel):
    """What a replay gave."""

    model_config = ConfigDict(frozen=True)

    schema_: Literal["dsb.clock/1"] = Field(default="dsb.clock/1", serialization_alias="schema")
    hardware: dict[str, Any]
    profile: str
    """Hash of the latency profile, 16 hex digits of the SHA-256."""
    played: ScoreTable
    """As the run was played, without baselines."""
    scores: ScoreTable
    """By the virtual clock, without baselines."""
    staleness: tuple[Staleness, ...]
    revisions: tuple[Revision, ...]
    digest: str
    """Hash of all emission times and scores: equal on any machine."""


def clocked(
    samples: Sequence[Sample],
    lines: Sequence[SeenLine],
    rules: Rules,
    profile: LatencyProfile,
    hardware: Hardware,
    *,
    horizon_s: float = HORIZON_S,
) -> Clocked:
    """Replay a run's answers by a profile on some hardware, and score them as a live run."""
    live = rules._replace(live=True)
    told = list(replay(lines, profile, hardware, tick_s=rules.tick_s))
    scores = score(samples, told, live, blind=False).table
    finals = answered(samples, told, live)
    times = [[line.sample, line.turn, line.probe, line.path, line.tick, line.t_emit] for line in told]
    return Clocked(
        hardware={**hardware._asdict(), "scale": {name: str(f) for name, f in hardware.scale.items()}},
        profile=_hash(profile.model_dump(mode="json")),
        played=score(samples, lines, rules, blind=False).table,
        scores=scores,
        staleness=tuple(staleness(finals, live, seed=rules.seed)),
        revisions=tuple(revisions(finals, live, horizon_s=horizon_s, seed=rules.seed)),
        digest=_hash([times, scores.model_dump(mode="json")]),
    )


def scales(given: Sequence[str], known: Sequence[str]) -> Mapping[str, Fraction]:
    """`s2.model=0.25` as a factor by stage; raises `ConfigError` for what can't be read, or a stage unknown."""
    names = [*known, *(f"{path}.{stage}" for path in ("s1", "s2") for stage in known)]
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in names:
            raise ConfigError(
                f"scale {text!r}: no stage {name!r}: write e.g. s2.model=0.25, or one of {', '.join(known)}"
            )
        try:
            factor = Fraction(value)
        except (ValueError, ZeroDivisionError) as error:
            raise ConfigError(f"scale {text!r}: {value!r} is no number: write e.g. s2.model=0.25") from error
        if factor < 0:
            raise ConfigError(f"scale {text!r}: a factor is not below zero")
        found[name] = factor
    return found


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]

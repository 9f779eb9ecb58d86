"""The fault harness: a run is played under faults, and compared with the same run without (docs/operations.md)."""

from __future__ import annotations

from bench.chaos.backend import Backend, Job
from bench.chaos.conduct import Reference, conduct, play_plain, require
from bench.chaos.outcome import Outcome, Struck, read_outcome
from bench.chaos.plan import Fault, Kind, Plan, load_plan

__all__ = [
    "Backend",
    "Fault",
    "Job",
    "Kind",
    "Outcome",
    "Plan",
    "Reference",
    "Struck",
    "conduct",
    "load_plan",
    "play_plain",
    "read_outcome",
    "require",
]

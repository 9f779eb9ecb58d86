"""The public face of DualStreamBench: what a third party may import, and nothing else.

Names are loaded when they are first used, so that importing this costs nothing. Extensions register under
entry points: routing policies in `dualstreambench.policies`, model backends in `dualstreambench.vlm`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.data import Dataset, Sample, load_dataset
    from bench.run.config import RunConfig, load_config
    from bench.run.folder import RunFolder
    from bench.run.records import Record
    from shared.errors import DsbError
    from shared.messages import Draft, Note, Option, Path, Question
    from shared.routing import Decision, First, Policy, StreamState
    from shared.vlm import Choice, Generated, ModelSpec, PromptParts, Unit, Vlm

__all__ = [
    "Choice",
    "Dataset",
    "Decision",
    "Draft",
    "DsbError",
    "First",
    "Generated",
    "ModelSpec",
    "Note",
    "Option",
    "Path",
    "Policy",
    "PromptParts",
    "Question",
    "Record",
    "RunConfig",
    "RunFolder",
    "Sample",
    "StreamState",
    "Unit",
    "Vlm",
    "load_config",
    "load_dataset",
]

_HOMES = {
    "shared.errors": ("DsbError",),
    "shared.messages": ("Draft", "Note", "Option", "Path", "Question"),
    "shared.routing": ("Decision", "First", "Policy", "StreamState"),
    "shared.vlm": ("Choice", "Generated", "ModelSpec", "PromptParts", "Unit", "Vlm"),
    "bench.data": ("Dataset", "Sample", "load_dataset"),
    "bench.run.config": ("RunConfig", "load_config"),
    "bench.run.folder": ("RunFolder",),
    "bench.run.records": ("Record",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'dualstreambench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

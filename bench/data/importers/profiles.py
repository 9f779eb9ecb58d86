"""The names of the official rules by which imported samples can be scored: `<bench>.<task>@<version>`."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["PROFILES", "Bench", "profile"]


class Bench(StrEnum):
    """The public benchmarks whose files are imported; the value is what stands in ids and on the command line."""

    STREAMINGBENCH = "streamingbench"
    OVO = "ovo-bench"
    RTV = "rtv-bench"
    OMNIMMI = "omnimmi"
    PROACTIVEVIDEOQA = "proactivevideoqa"
    CG = "cg-bench"
    SVBENCH = "svbench"


_TASKS: dict[str, tuple[str, ...]] = {
    "streamingbench": ("real", "omni", "sqa", "proactive"),
    "ovo": ("epm", "hld", "asi", "ojr", "stu", "ocr", "atr", "acr", "fpd", "rec", "ssr", "crr"),
    "rtv": (),
    "omnimmi": ("md", "sg", "ap", "si", "pa", "pt"),
    "proactivevideoqa": (),
    "cg-bench": (),
    "svbench": (),
}


def profile(bench: str, task: str = "") -> str:
    """The profile's name, such as `ovo.crr@1`, or `rtv@1` where one rule holds for all tasks."""
    return f"{bench}.{task.lower()}@1" if task else f"{bench}@1"


PROFILES: tuple[str, ...] = tuple(
    profile(bench, task) for bench, tasks in _TASKS.items() for task in (tasks or ("",))
)
"""Every profile that an importer names in `scoring.profile`."""

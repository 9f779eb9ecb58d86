"""The conditions of the memory ladder: what each sets in a run's configuration, and nothing else.

S2's answers are compared. S1 is asked once, in `none`: no condition changes what it sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.data.schema import Part
from bench.run.config import RunConfig
from shared.messages import RecallMode, Route

__all__ = ["BASE", "CONDITIONS", "LAST_FRAMES", "ORACLE", "Condition", "config_for"]

BASE, ORACLE, LAST_FRAMES = "none", "oracle", "last-frames"
_PARTS = (Part.REALTIME.value, Part.REASONING.value)


class Condition(NamedTuple):
    """One run of the ladder."""

    name: str
    says: str
    """For readers of the table."""
    sets: Mapping[str, Any]
    """Settings by dotted key."""


def _memory(name: str, says: str, mode: RecallMode, source: str = "s1") -> Condition:
    return Condition(name, says, {"memory.mode": mode.value, "memory.source": source})


CONDITIONS: tuple[Condition, ...] = (
    _memory(BASE, "no memory: S2's window alone", RecallMode.NONE),
    _memory("short", "the newest notes", RecallMode.SHORT),
    _memory("long", "the notes that fit the question", RecallMode.LONG),
    _memory("both", "both of them", RecallMode.BOTH),
    _memory(ORACLE, "notes about the evidence and no others", RecallMode.LONG, "oracle"),
    _memory("shuffled", "as long; the times of the notes exchanged", RecallMode.LONG, "shuffled"),
    _memory("wrong-video", "as long; the notes of another video", RecallMode.LONG, "wrong-video"),
    _memory("random-weights", "as long; the notes of an untrained S1", RecallMode.LONG, "random-weights"),
    Condition(LAST_FRAMES, "S2's model with S1's window, no memory", {"memory.mode": RecallMode.NONE.value}),
)
"""In the order of the table; the last is the line that memory and window must beat."""


def config_for(condition: Condition, base: RunConfig, *, folder: str) -> RunConfig:
    """The run of one condition; of parts, those that the base names, else `realtime` and `reasoning`."""
    first = condition.name == BASE
    sets: dict[str, Any] = {
        "memory.enabled": True,
        **condition.sets,
        "dataset.parts": [str(part) for part in base.dataset.parts] or list(_PARTS),
        "system.route": (Route.BOTH if first else Route.FORCE_S2).value,
        "output.dir": folder,
        "output.name": condition.name,
    }
    if condition.name == LAST_FRAMES:
        window = base.system.s1.model_dump() | {"frames": base.system.s2.frames}
        sets["system.s2"] = window
    return base.override(sets)

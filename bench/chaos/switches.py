"""Switches by which processes of a stack under test are harmed from outside: files in a folder that they see, too.

A process whose environment is `environment` looks for a file at each of its failpoints. Whoever finds one takes it
away and kills or stops itself there, so a switch acts once; two more say that S2 is slow and how wrong a clock is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bench.chaos.links import CUT, CUT_ABRUPT
from bench.chaos.plan import Fault, Kind

__all__ = ["Action", "Switches", "content_of", "environment", "switch_of"]

Action = Literal["kill", "pause"]
_SLOW = "slow-s2"
_SLOW_MS = 400
"""Of each answer of a slow S2."""


def environment(folder: str | Path, service: str) -> dict[str, str]:
    """The settings of a process of a service that sees the switches in `folder`."""
    rules = [f"*={action}^{folder}/{{name}}.{action}" for action in ("kill", "pause")]
    return {
        "DSB_FAILPOINTS": ";".join([*rules, f"s2.answering=sleep:{_SLOW_MS}?{folder}/{_SLOW}"]),
        "DSB_CLOCK_FILE": f"{folder}/clock-{service}",
    }


def switch_of(fault: Fault) -> str:
    """The name of the file that brings a fault about; empty for one that needs none."""
    if fault.at:
        return f"{fault.at}.{'kill' if fault.kind is Kind.KILL else 'pause'}"
    if fault.kind is Kind.CLOCK_JUMP:
        return f"clock-{fault.service}"
    if fault.kind is Kind.CUT:
        return CUT_ABRUPT if fault.abrupt else CUT
    return _SLOW if fault.kind is Kind.SLOW_S2 else ""


def content_of(fault: Fault) -> str:
    """What is in it: the seconds by which a clock is wrong; of the others nothing is read."""
    return f"{fault.by_s}" if fault.kind is Kind.CLOCK_JUMP else ""


class Switches:
    """A folder of them on this machine; all are off at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():  # of a harness that was killed
            left.unlink()

    def on(self, fault: Fault) -> None:
        """Arm the fault's failpoint, or begin what lasts."""
        # Whoever looks shall not read half of it.
        fresh = self.folder / f".{switch_of(fault)}"
        fresh.write_text(content_of(fault), encoding="ascii")
        fresh.replace(self.folder / switch_of(fault))

    def off(self, fault: Fault) -> None:
        """Nobody is hit any more; safe to call when it has acted."""
        (self.folder / switch_of(fault)).unlink(missing_ok=True)

    def acted(self, fault: Fault) -> bool:
        """Whether somebody was hit at the failpoint since it was armed."""
        return not (self.folder / switch_of(fault)).exists()

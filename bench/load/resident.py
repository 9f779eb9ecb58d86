"""How much memory the processes of an embedded stack hold, looked at again and again, and what they compute."""

from __future__ import annotations

import math
import os
from typing import Any

import psutil

from bench.load.trend import Trend, trend
from bench.run.embedded import Stack

__all__ = ["BENCH", "STEP_MB", "Resident"]

BENCH = "bench"
"""The name of this process."""
STEP_MB = 1.0
"""In an hour: an allocator takes memory in steps of this size, and keeps it. Less is no slope."""
_POINTS = 60


class Resident:
    """Resident set sizes by process name; the bench's own process is `bench`."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._names = [*stack.names(), BENCH]
        self._times: list[float] = []
        self._sizes: dict[str, list[float]] = {name: [] for name in self._names}
        self._starts: dict[str, int] = {}
        self._cpu: dict[str, list[float]] = {name: [] for name in self._names}

    @staticmethod
    def every_s(minutes: float) -> float:
        """Wall-clock seconds between two looks: some hundreds in all, none more often than twice a second."""
        return min(5.0, max(0.5, minutes / 5))

    def look(self, now: float) -> None:
        """Take the sizes at `now`, in wall-clock seconds."""
        self._times.append(now)
        for name, sizes in self._sizes.items():
            pids = [os.getpid()] if name == BENCH else self._stack.pids(name)
            used = [_used(pid) for pid in pids]
            sizes.append(sum(size for size, _ in used) / 1e6)
            self._cpu[name].append(sum(cpu for _, cpu in used))
            self._starts[name] = self._stack.starts(name) if name != BENCH else 1

    def heading(self) -> str:
        """Names, in columns as wide as `row`."""
        return "  ".join(f"{name:>9}" for name in self._names)

    def row(self) -> str:
        """The newest sizes, MB."""
        return "  ".join(f"{self._sizes[name][-1]:9.1f}" for name in self._names)

    def summary(self, warm_up_s: float) -> dict[str, dict[str, Any]]:
        """By process: first, last and largest size, the slope in MB an hour after the warm-up, and cores in use.

        Empty without a look; a slope is null with fewer than two looks after the warm-up.
        """
        if not self._times:
            return {}
        warm = sum(t < warm_up_s for t in self._times)
        hours = [t / 3600 for t in self._times[warm:]]
        found = {}
        for name, sizes in self._sizes.items():
            line = trend(hours, sizes[warm:]) if len(hours) > 1 else Trend(math.nan, math.nan)
            found[name] = {
                "first_mb": round(sizes[0], 2),
                "last_mb": round(sizes[-1], 2),
                "max_mb": round(max(sizes), 2),
                "slope_mb_h": _rounded(line.slope),
                "error_mb_h": _rounded(line.error),
                "within_noise": line.within_noise(STEP_MB),
                "from_min": round(warm_up_s / 60, 1),
                "cores": round((self._cpu[name][-1] - self._cpu[name][0]) / self._times[-1], 3),
                "starts": self._starts[name],
                "restarts": self._starts[name] - 1,
                "minutes_mb": self._thinned(sizes),
            }
        return found

    def _thinned(self, sizes: list[float]) -> list[tuple[float, float]]:
        """Minutes and MB, some sixty of them, for a chart."""
        step = max(1, len(sizes) // _POINTS)
        pairs = list(zip(self._times, sizes, strict=True))[::step]
        return [(round(t / 60, 2), round(size, 1)) for t, size in pairs]


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)


def _used(pid: int) -> tuple[int, float]:
    """Bytes that a process holds, and processor seconds that it has used."""
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return int(process.memory_info().rss), times.user + times.system
    except psutil.NoSuchProcess:  # it has just ended; the stack starts it again, and `starts` tells
        return 0, 0.0

"""What big data costs the bench: `make bench-data` and `make bench-score`, or `python -m bench.bigdata data|score`.

`data`: a set of 100,000 turns (and of a quarter of that) is imported, validated, counted, laid out and exported;
`score`: a run of a million records (and of a quarter) is scored, beside a loop of `json.loads` over the same
lines. Every step is the ordinary command in a process of its own, whose wall-clock seconds and peak resident
memory are taken from the system (this process stays small: a child's peak begins with its parent's). The last
line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shared.errors import DsbError

__all__ = ["Cost", "cost_of", "main", "measure_data", "measure_score"]

_DSB = (sys.executable, "-m", "bench.cli")
_MAKE = (sys.executable, "-m", "bench.bigset")
_LOADS = """
import json, sys
for line in open(sys.argv[1], "rb"):
    json.loads(line)
"""
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


class Cost(NamedTuple):
    """What one command took."""

    seconds: float
    """Wall clock."""
    cpu_s: float
    """Of the process, user and system."""
    peak_mb: float
    """Most resident memory, in 10⁶ bytes."""


def cost_of(command: Sequence[str]) -> Cost:
    """Run a command and wait for it; raises `DsbError` with its last words when it fails."""
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            words = " ".join(said.read().decode(errors="replace").split())[-300:]
            raise DsbError(f"{' '.join(command)}: exit code {child.returncode}: {words}")
    cpu = used.ru_utime + used.ru_stime
    return Cost(round(seconds, 2), round(cpu, 2), round(used.ru_maxrss * _MAXRSS_BYTES / 1e6, 1))


def measure_data(folder: Path, turns: int) -> dict[str, Cost]:
    """The steps of a data set's life: an import of so many choices, and a set of so many turns of all parts."""
    native, imported, own = folder / f"{turns}.json", folder / f"{turns}-imported", folder / f"{turns}-own"
    cost_of((*_MAKE, "native", str(turns), str(native)))
    cost_of((*_MAKE, "set", str(turns), str(own / "all.json")))
    steps = {
        "nothing": ["version"],
        "import": ["data", "import", "ovo-bench", "--annotations", str(native), "--out", str(imported)],
        "export": ["data", "export", "--native", str(imported), "--out", str(folder / f"{turns}-again.json")],
        "validate_imported": ["data", "validate", str(imported / "all.json")],
        "validate": ["data", "validate", str(own / "all.json")],
        "info": ["data", "info", str(own)],
        "build": ["data", "build", str(own), "--shards", "16"],
        "validate_folder": ["data", "validate", str(own)],
    }
    return {name: cost_of((*_DSB, *step)) for name, step in steps.items()}


def measure_score(folder: Path, records: int) -> dict[str, Any]:
    """Scoring a run of about so many records, beside reading its lines by `json.loads`."""
    run = folder / f"run-{records}"
    cost_of((*_MAKE, "run", str(records), str(run)))
    lines = run / "records.jsonl"
    with lines.open("rb") as file:
        made = sum(1 for _ in file)
    loads = cost_of((sys.executable, "-c", _LOADS, str(lines)))
    scored = cost_of((*_DSB, "score", str(run)))
    found = {"records": made, "file_mb": round(lines.stat().st_size / 1e6, 1)}
    return found | {"score": scored, "json_loads": loads}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table and one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.bigdata", description=__doc__)
    parser.add_argument("what", choices=["data", "score"])
    parser.add_argument("--size", type=int, help="turns (100000) or records (1000000)")
    chosen = parser.parse_args(argv)
    size = chosen.size or (100_000 if chosen.what == "data" else 1_000_000)
    with tempfile.TemporaryDirectory(prefix="dsb-big-") as place:
        report = (_data if chosen.what == "data" else _score)(Path(place), size)
    print(json.dumps(report))
    return 0


def _data(folder: Path, turns: int) -> dict[str, Any]:
    found = _quarter_and_whole(lambda size: measure_data(folder, size), turns)
    table = {
        str(size): {name: cost._asdict() for name, cost in costs.items()} for size, costs in found.items()
    }
    growth = {name: _growth(found, turns, name) for name in found[turns] if name != "nothing"}
    return {"bench": "data", "turns": turns, "costs": table, "times_as_much_for_4_times_the_turns": growth}


def _score(folder: Path, records: int) -> dict[str, Any]:
    found = _quarter_and_whole(lambda size: measure_score(folder, size), records)
    sizes = {
        str(item["records"]): {
            "file_mb": item["file_mb"],
            "score": item["score"]._asdict(),
            "json_loads": item["json_loads"]._asdict(),
        }
        for item in found.values()
    }
    return {
        "bench": "score",
        "sizes": sizes,
        "times_as_much_for_4_times_the_records": _growth(found, records, "score"),
        "score_over_json_loads_cpu": round(
            found[records]["score"].cpu_s / max(0.01, found[records]["json_loads"].cpu_s), 2
        ),
    }


def _quarter_and_whole(
    measure: Callable[[int], Mapping[str, Any]], size: int
) -> dict[int, Mapping[str, Any]]:
    found = {}
    for part in (size // 4, size):
        found[part] = measure(part)
        for name, cost in found[part].items():
            if isinstance(cost, Cost):
                print(f"{part:>9} {name:<18} {cost.seconds:>8.2f} s {cost.peak_mb:>8.1f} MB", flush=True)
    return found


def _growth(found: Mapping[int, Mapping[str, Any]], size: int, name: str) -> dict[str, float]:
    """How many times as much CPU time and memory the whole takes as its quarter; 4 is linear."""
    quarter, whole = found[size // 4][name], found[size][name]
    return {
        "cpu": round(whole.cpu_s / max(0.01, quarter.cpu_s), 2),
        "peak": round(whole.peak_mb / quarter.peak_mb, 2),
    }


if __name__ == "__main__":
    sys.exit(main())

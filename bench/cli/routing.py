"""What the commands of `dsb route` do."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

import typer

from bench.data.schema import Part
from bench.files import open_atomic
from bench.report.routing import curves_csv, print_replayed
from bench.routing.paired import CostUnit, Paired, paired
from bench.routing.replay import replay
from bench.routing.results import results
from bench.run.folder import RunFolder
from shared.errors import ConfigError

__all__ = ["show_simulation"]


def show_simulation(
    run: str, policies: Sequence[str], parts: Sequence[str], cost: str, *, curves: str, as_json: bool
) -> None:
    """Replay, print, and write the curves."""
    table = _table(run, parts, cost)
    found = [results(table, replay(table, name)) for name in policies]
    if curves:
        with open_atomic(Path(curves)) as file:
            file.write(curves_csv(found).encode())
    if as_json:
        typer.echo(json.dumps([item.model_dump(mode="json") for item in found], indent=1))
    else:
        print_replayed(found)


def _table(run: str, parts: Sequence[str], cost: str) -> Paired:
    return paired(RunFolder.open(run), unit=CostUnit(_known(cost, CostUnit, "--cost")), parts=_parts(parts))


def _parts(parts: Sequence[str]) -> list[str]:
    return [_known(part, Part, "--part") for part in parts]


def _known(value: str, names: type[CostUnit] | type[Part], option: str) -> str:
    known = [str(name) for name in names]
    if value in known:
        return value
    near = difflib.get_close_matches(value, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
    raise ConfigError(f"{option} {value!r}: {hint}")

"""The table of official figures: profiles and their tasks, sections, and blind baselines beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.scoring.official import OfficialScores, ProfileScores
from bench.scoring.scorefile import OfficialFileScores

__all__ = ["print_official"]

_PLAIN_WIDTH = 110


def print_official(scores: OfficialFileScores, *, file: IO[str] | None = None) -> None:
    """Print the table to `file` (standard output)."""
    stream = file or sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    Console(file=stream, width=width, highlight=False).print(_render(scores))


def _render(scores: OfficialFileScores) -> RenderableType:
    title = Text(f"{scores.coverage.file}  {scores.data} ({scores.data_hash}) · official rules", style="bold")
    return Group(title, _profiles(scores), *_sections(scores), *_remarks(scores))


def _profiles(scores: OfficialFileScores) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("profile", no_wrap=True)
    table.add_column("figure")
    for name in ("value", "n", "owed", "missing", "empty"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in scores.scores.profiles:
        for row in _rows(item, shown=scores.headline):
            table.add_row(*row[1:], style=row[0])
        table.add_section()
    return table


def _rows(item: ProfileScores, *, shown: bool) -> Iterator[tuple[str, ...]]:
    held = item.scores
    counts = (str(held.n), str(held.missing), str(held.empty))
    yield "bold", held.profile, held.metric, _percent(held.value, shown), str(held.counted), *counts
    for name, value in _others(held):
        yield "", "", name, _percent(value, shown), "", "", "", ""
    if len(held.tasks) > 1 or not held.profile.startswith("ovo."):
        for task, line in held.tasks.items():
            yield "", "", f"  {task or 'no task'}", _percent(line.value, shown), str(line.n), "", "", ""
    for blind in item.blind:
        yield "dim", "", f"blind: {blind.name}", _percent(blind.value, True), "", "", "", ""


def _others(held: OfficialScores) -> Iterator[tuple[str, float | None]]:
    for name, value in held.metrics.items():
        if name != held.metric:
            yield name, value


def _sections(scores: OfficialFileScores) -> Iterator[RenderableType]:
    if not scores.scores.sections:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("benchmark")
    table.add_column("section")
    table.add_column("value", justify="right")
    table.add_column("tasks", justify="right")
    for item in scores.scores.sections:
        tasks = f"{item.tasks} of {item.of}"
        style = "bold" if item.name == "total" else ""
        table.add_row(item.bench, item.name, _percent(item.value, scores.headline), tasks, style=style)
    yield table


def _remarks(scores: OfficialFileScores) -> Iterator[Text]:
    table, coverage = scores.scores, scores.coverage
    if not scores.complete:
        text = f"Incomplete: {table.missing} of {table.owed} answers are missing"
        yield Text(
            text + ("." if scores.partial else "; scores are withheld, see --partial."), style="yellow"
        )
    if coverage.left_out:
        told = ", ".join(f"{count} {kind}" for kind, count in coverage.left_out.items())
        yield Text(f"Lines left out: {told}.", style="yellow")
    if table.without_rules:
        yield Text(f"{table.without_rules} samples name no official rules and are in no figure.")
    without = sum(item.scores.without_gold for item in table.profiles)
    if without:
        yield Text(f"{without} questions have no gold and are in no figure.")
    if scores.clue_accuracy is not None:
        recovery = _percent(scores.clue_recovery, scores.headline)
        yield Text(f"CG-Bench: clue accuracy {_percent(scores.clue_accuracy, True)}, recovery {recovery}.")
    if table.text:
        yield Text(f"Free text was compared by {table.text}.")
    yield Text(
        "n is the denominator that the benchmark's own rules give; blind ones never look.", style="dim"
    )


def _percent(value: float | None, shown: bool) -> str:
    return f"{100 * value:.2f} %" if shown and value is not None else "–"

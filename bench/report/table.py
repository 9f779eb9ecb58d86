"""The final table: part × path, the blind baselines beneath, then what S2 gains and where.

On a terminal it is drawn with colours; elsewhere it is plain text of a fixed width, so that a log can be
read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.scoring.scores import Latency, PartScores, Row, Scores, Slice
from bench.scoring.stats import Estimate

__all__ = ["print_scores", "render_scores"]

_NAMES = {
    "all": "all",
    "s1_window": "in S1's window",
    "s2_window": "in S2's window only",
    "memory": "in memory only",
    "unknown": "not told",
}
_PLAIN_WIDTH = 118


def print_scores(scores: Scores, *, file: IO[str] | None = None) -> None:
    """Print the tables of a run to `file` (standard output)."""
    stream = file or sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    Console(file=stream, width=width, highlight=False).print(render_scores(scores))


def render_scores(scores: Scores) -> RenderableType:
    """The tables of a run, for a rich console."""
    parts = list(scores.scores.parts)
    gains = [part for part in parts if part.slices]
    pieces: list[RenderableType] = [_title(scores)]
    pieces += [_table(scores, parts)]
    pieces += [_gains(scores, part) for part in gains]
    return Group(*pieces, *_remarks(scores))


def _title(scores: Scores) -> Text:
    text = Text()
    text.append(scores.run, style="bold")
    text.append(f"  {scores.data} ({scores.data_hash}) · {scores.mode} · route {scores.route}")
    return text


def _table(scores: Scores, parts: list[PartScores]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("part")
    table.add_column("path", style="bold")
    for name in ("n", "accuracy", "95 % interval", "skill", "p50 s", "p95 s", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in parts:
        for row in part.rows:
            table.add_row(part.part, *_row(scores, part, row))
        for baseline in part.baselines:
            value = baseline.accuracy
            cells = (str(value.n), percent(value.value), interval(value))
            table.add_row(part.part, baseline.name, *cells, "", "", "", "", style="dim")
        table.add_section()
    return table


def _row(scores: Scores, part: PartScores, row: Row) -> Iterator[str]:
    timing = _timing(scores, part.part, row.path)
    shown = scores.headline
    yield row.path
    yield str(row.accuracy.n)
    yield percent(row.accuracy.value) if shown else "–"
    yield interval(row.accuracy) if shown else "–"
    yield signed(row.skill, 2) if shown else "–"
    yield seconds(timing.p50_s if timing else None)
    yield seconds(timing.p95_s if timing else None)
    yield _failed(row)


def _gains(scores: Scores, part: PartScores) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=f"{part.part}: S2 − S1, by where the evidence is")
    table.title_justify = "left"
    table.add_column("evidence")
    for name in ("n", "s1", "95 % interval", "s2", "95 % interval", "gain", "95 % interval", "text-only"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in part.slices:
        style = "bold" if item.name == "all" else ""
        table.add_row(_NAMES.get(item.name, item.name), str(item.n), *_slice(scores, item), style=style)
    return table


def _slice(scores: Scores, item: Slice) -> Iterator[str]:
    for value in (item.s1, item.s2):
        yield percent(value.value) if scores.headline else "–"
        yield interval(value) if scores.headline else "–"
    yield signed(item.gain.value, 1, scale=100) if scores.headline else "–"
    yield interval(item.gain, plus=True) if scores.headline else "–"
    yield percent(item.text_only)


def _remarks(scores: Scores) -> Iterator[Text]:
    table = scores.scores
    if not table.complete:
        text = f"Incomplete: {table.missing} answers are missing"
        text += (
            "." if scores.partial else "; scores are withheld. Go on with --resume, or score with --partial."
        )
        yield Text(text, style="yellow")
    for part in table.parts:
        unread = {
            rung: sum(row.rungs.get(rung, 0) for row in part.rows)
            for rung in ("unparsed", "ambiguous", "empty")
        }
        if any(unread.values()):
            told = ", ".join(f"{count} {rung}" for rung, count in unread.items() if count)
            yield Text(
                f"{part.part}: answers that could not be read, and count as wrong: {told}.", style="yellow"
            )
        if scores.headline:
            yield from _staleness(part)
        if part.without_gold:
            yield Text(f"{part.part}: {part.without_gold} questions have no gold and are in no score.")
    yield Text(
        "Accuracy counts failures as wrong; intervals resample whole videos; "
        "skill is over the best blind baseline: 0 is no better than blind, 1 is perfect.",
        style="dim",
    )


def _staleness(part: PartScores) -> Iterator[Text]:
    """Live mode: what it cost that the world went on while a system thought."""
    for row in part.rows:
        if row.accuracy_at_ask is not None and row.accuracy_at_ask != row.accuracy.value:
            text = f"{part.part} {row.path}: {percent(row.accuracy_at_ask)} by the gold of the ask time; "
            yield Text(text + "the table has that of the time at which answers came.")


def _timing(scores: Scores, part: str, path: str) -> Latency | None:
    return next((item for item in scores.timings if (item.part, item.path) == (part, path)), None)


def _failed(row: Row) -> str:
    counts = {"refused": row.refused, "error": row.error, "timeout": row.timeout}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    missing = row.owed - row.accuracy.n
    told = ", ".join([*([told] if told else []), *([f"{missing} missing"] if missing else [])])
    return told or "0"


def percent(value: float | None) -> str:
    """`0.953` as `95.3 %`."""
    return "–" if value is None else f"{100 * value:.1f} %"


def signed(value: float | None, digits: int, *, scale: float = 1.0) -> str:
    """With its sign."""
    return "–" if value is None else f"{scale * value:+.{digits}f}"


def interval(value: Estimate, *, plus: bool = False) -> str:
    """`[91.0, 98.2]`, in percent."""
    if value.low is None or value.high is None:
        return "–"
    sign = "+" if plus else ""
    return f"[{100 * value.low:{sign}.1f}, {100 * value.high:{sign}.1f}]"


def seconds(value: float | None) -> str:
    """Three digits, whatever the size."""
    if value is None:
        return "–"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"

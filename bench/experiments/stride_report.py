"""The table of a stride experiment: for people, as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from bench.experiments.stride import Found
from bench.files import write_atomic
from bench.report.words import percent

__all__ = ["HEADING", "rows", "write_tables"]

HEADING = (
    "window", "hop", "stride", "asked", "accuracy", "95 % interval", "changed", "ingest ms", "cpu",
    "answer ms", "p95", "cpu", "reused", "cache MB",
)  # fmt: skip
"""`changed`: answers that are others than without reuse. Ingest of a frame: mean, and mean of processor time; answers:
median, p95, and mean of processor time."""


def rows(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """A row a cell, in words; a cell that could not be measured says why in its fourth column."""
    plain = {one.cell.frames: one.answers for one in found if one.cell.stride is None and not one.error}
    return [_row(one, plain.get(one.cell.frames)) for one in found]


def _row(one: Found, plain: Sequence[str] | None) -> tuple[str, ...]:
    cell = one.cell
    head = (str(cell.frames), str(cell.hop), "none" if cell.stride is None else str(cell.stride))
    if one.error:
        return (*head, one.error)
    interval = "–" if one.low is None or one.high is None else f"[{100 * one.low:.1f}, {100 * one.high:.1f}]"
    return (
        *head,
        str(one.asked),
        percent(one.accuracy),
        interval,
        "–" if plain is None else str(_changed(plain, one.answers)),
        *(_ms(value) for value in _times(one)),
        percent(one.reused),
        "–" if one.cache_mb is None else f"{one.cache_mb:.1f}",
    )


def _times(one: Found) -> tuple[float | None, ...]:
    ingest = (one.ingest_mean_s, one.ingest_cpu_s)
    return (*ingest, one.answer_p50_s, one.answer_p95_s, one.answer_cpu_s)


def _changed(plain: Sequence[str], answers: Sequence[str]) -> int:
    return sum(a != b for a, b in zip(plain, answers, strict=True))


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1000 * seconds:.1f}"


def write_tables(found: Sequence[Found], folder: Path) -> list[Path]:
    """Write `stride.csv` (bare numbers) and `stride.md`; gives their paths."""
    text = io.StringIO()
    names = [name for name in Found.model_fields if name not in ("cell", "answers")]
    writer = csv.writer(text)
    writer.writerow(["window", "hop", "stride", *names])
    for one in found:
        held = one.model_dump()
        writer.writerow([one.cell.frames, one.cell.hop, one.cell.stride, *(held[name] for name in names)])
    table, page = folder / "stride.csv", folder / "stride.md"
    write_atomic(table, text.getvalue().encode())
    write_atomic(page, _markdown(found).encode())
    return [table, page]


def _markdown(found: Sequence[Found]) -> str:
    lines = [HEADING, tuple("---" for _ in HEADING), *rows(found)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)

"""The table of two runs on the same questions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.report.words import interval, percent, signed
from bench.scoring.compare import Difference

__all__ = ["print_differences"]

_PLAIN_WIDTH = 110


def print_differences(found: Sequence[Difference], *, file: IO[str] | None = None) -> None:
    """Print the table to `file` (standard output)."""
    stream = file or sys.stdout
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("part", "path", "score"):
        table.add_column(name)
    for name in ("n", "first", "second", "difference", "95 % interval", "p, sign flip", "p, McNemar"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in found:
        values = (percent(item.first), percent(item.second), signed(item.difference.value, 1, scale=100))
        tests = ("–" if p is None else f"{p:.4f}" for p in (item.p_sign_flip, item.p_mcnemar))
        spread = interval(item.difference, plus=True)
        table.add_row(item.part, item.path, item.metric, str(item.n), *values, spread, *tests)
    width = None if stream.isatty() else _PLAIN_WIDTH
    Console(file=stream, width=width, highlight=False).print(table)
    if not found:
        print("no question was judged in both runs", file=stream)

"""One small table, shown as a terminal shows it, or as Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from typing import IO, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from bench.forms import Form

__all__ = ["Sheet", "drawn", "print_sheet", "write_sheets"]

_PLAIN_WIDTH = 1000
"""Where there is no terminal, a table is as wide as its cells."""
_GAP = 3
"""Characters between two columns."""
_EDGES = 2
"""Characters beside the first and the last one."""
_TEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
_TEX_WORDS = {"–": "--", "−": "$-$", "≤": r"$\leq$", "≥": r"$\geq$", "ρ": r"$\rho$", "λ": r"$\lambda$"}


class Sheet(NamedTuple):
    """Cells as people read them; those of `text` columns are set left, all others right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    """How many of the first columns hold words."""
    notes: Sequence[str] = ()
    """Lines beneath."""


def write_sheets(sheets: Iterable[Sheet], form: Form, *, file: IO[str] | None = None) -> None:
    """Write tables to `file` (standard output)."""
    stream = file or sys.stdout
    for number, sheet in enumerate(sheets):
        if form is Form.TERMINAL:
            print_sheet(sheet, file=stream)
        else:
            stream.write(("\n" if number else "") + _WRITERS[form](sheet))


def print_sheet(sheet: Sheet, *, file: IO[str] | None = None, width: int | None = None) -> None:
    """As a terminal shows it, of `width` characters; plain text as wide as its cells elsewhere.

    A table that is wider than the terminal is cut into several, each beginning with the columns of words.
    """
    stream = file or sys.stdout
    width = width or (None if stream.isatty() else _PLAIN_WIDTH)
    console = Console(file=stream, width=width, highlight=False)
    for piece in drawn(sheet, console.width):
        console.print(piece)
    for note in sheet.notes:
        console.print(note)


def drawn(sheet: Sheet, width: int) -> list[Table]:
    """The sheet as rich tables no wider than `width`, as far as one column of numbers beside the words allows."""
    return [_drawn(piece) for piece in _stacked(sheet, width)]


def _stacked(sheet: Sheet, width: int) -> list[Sheet]:
    widths = [max(map(cell_len, column)) for column in zip(sheet.columns, *sheet.rows, strict=True)]
    words = list(range(sheet.text))
    taken = sum(widths[at] + _GAP for at in words)
    pieces: list[list[int]] = [[]]
    used = taken
    for at in range(sheet.text, len(sheet.columns)):
        if pieces[-1] and used + widths[at] + _EDGES > width:
            pieces.append([])
            used = taken
        pieces[-1].append(at)
        used += widths[at] + _GAP
    return [_only(sheet, words + chosen, first=number == 0) for number, chosen in enumerate(pieces)]


def _only(sheet: Sheet, columns: Sequence[int], *, first: bool) -> Sheet:
    return sheet._replace(
        title=sheet.title if first else "",
        columns=[sheet.columns[at] for at in columns],
        rows=[[row[at] for at in columns] for row in sheet.rows],
    )


def _drawn(sheet: Sheet) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=sheet.title or None, title_justify="left")
    for number, name in enumerate(sheet.columns):
        left = number < sheet.text
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in sheet.rows:
        table.add_row(*row)
    return table


def _markdown(sheet: Sheet) -> str:
    marks = ["---" if number < sheet.text else "---:" for number in range(len(sheet.columns))]
    lines = [_bars(sheet.columns), _bars(marks), *(_bars(row) for row in sheet.rows)]
    head = [f"**{sheet.title}**", ""] if sheet.title else []
    notes = [line for note in sheet.notes for line in ("", note)]
    return "\n".join([*head, *lines, *notes]) + "\n"


def _bars(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _csv(sheet: Sheet) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([sheet.columns, *sheet.rows])
    return out.getvalue()


def _latex(sheet: Sheet) -> str:
    places = "l" * sheet.text + "r" * (len(sheet.columns) - sheet.text)
    body = [_tex_row(sheet.columns), r"\midrule", *(_tex_row(row) for row in sheet.rows)]
    lines = [rf"\begin{{tabular}}{{{places}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
    head = [f"% {sheet.title}"] if sheet.title else []
    return "\n".join([*head, *lines, *(f"% {note}" for note in sheet.notes)]) + "\n"


def _tex_row(cells: Sequence[str]) -> str:
    return " & ".join(_tex(cell) for cell in cells) + r" \\"


def _tex(cell: str) -> str:
    told = cell.replace("\\", r"\textbackslash ").translate(_TEX)
    for sign, words in _TEX_WORDS.items():
        told = told.replace(sign, words)
    return told


_WRITERS = {Form.MARKDOWN: _markdown, Form.CSV: _csv, Form.LATEX: _latex}

from __future__ import annotations

import csv
import io

import pytest

from bench.forms import Form
from bench.report.sheet import Sheet, print_sheet, write_sheets

SHEET = Sheet(
    "Policies", ("policy", "ρ", "lift"), [("a|b_c", "50 %", "−1.0"), ("rule", "–", "+2.0")], notes=["one run"]
)


def written(form: Form, *sheets: Sheet) -> str:
    out = io.StringIO()
    write_sheets(sheets or [SHEET], form, file=out)
    return out.getvalue()


def test_markdown_sets_numbers_right_and_escapes_bars() -> None:
    lines = written(Form.MARKDOWN).splitlines()
    assert lines[2:5] == ["| policy | ρ | lift |", "| --- | ---: | ---: |", r"| a\|b_c | 50 % | −1.0 |"]
    assert lines[-1] == "one run"


def test_csv_reads_back() -> None:
    assert list(csv.reader(io.StringIO(written(Form.CSV)))) == [list(SHEET.columns), *map(list, SHEET.rows)]


def test_latex_escapes_what_latex_would_read() -> None:
    text = written(Form.LATEX)
    assert r"a|b\_c & 50 \% & $-$1.0 \\" in text
    assert r"policy & $\rho$ & lift \\" in text
    assert text.count(r"\begin{tabular}{lrr}") == text.count(r"\end{tabular}") == 1


@pytest.mark.parametrize("form", list(Form))
def test_every_form_shows_every_cell_of_every_table(form: Form) -> None:
    text = written(form, SHEET, SHEET._replace(rows=[("other", "1", "2")]))
    for word in ("rule", "other", "lift"):
        assert word in text


def test_a_table_that_is_wider_than_the_terminal_is_cut_and_loses_nothing() -> None:
    columns = ("policy", *(f"column {n}" for n in range(12)))
    rows = [(name, *(f"{name} {n}.5 %" for n in range(12))) for name in ("cascade@0.7", "semantic")]
    out = io.StringIO()
    print_sheet(Sheet("Policies", columns, rows, notes=["one run"]), file=out, width=80)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.lstrip().startswith("semantic ") for line in lines) > 1
    for cell in (*columns, *rows[0], *rows[1], "one run"):
        assert any(cell in line for line in lines), cell

from __future__ import annotations

import csv
import io

import pytest

from bench.forms import Form
from bench.report.sheet import Sheet, write_sheets

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

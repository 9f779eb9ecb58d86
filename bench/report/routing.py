"""Tables of replayed policies: what they decided, what their scores are worth, and where they went wrong."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.report.words import interval, percent, signed
from bench.routing.compare import Routed
from bench.routing.misroutes import Misroute, Misroutes
from bench.routing.results import Replayed
from bench.scoring.stats import Estimate

__all__ = ["curves_csv", "print_misroutes", "print_replayed", "print_routed"]

_PLAIN_WIDTH = 130
_CELLS = ("both_right", "s1_only", "s2_only", "both_wrong", "missed", "harmful", "wasted")


def print_replayed(found: Sequence[Replayed], *, file: IO[str] | None = None) -> None:
    """Print the tables to `file` (standard output)."""
    stream = file or sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    tables = [_decisions(found), _lifts(found), _curves(found), _cells(found), *_remarks(found)]
    Console(file=stream, width=width, highlight=False).print(Group(*tables))


def curves_csv(found: Sequence[Replayed]) -> str:
    """The points of every curve: policy, threshold, rho, accuracy, cost."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("policy", "threshold", "rho", "accuracy", "cost"))
    for item in found:
        for point in item.curve:
            threshold = "" if point.threshold is None else point.threshold
            writer.writerow((item.policy, threshold, point.rho, point.accuracy, point.cost))
    return text.getvalue()


def _decisions(found: Sequence[Replayed]) -> RenderableType:
    first = found[0]
    title = f"{first.n} questions, {first.videos} videos; cost in {first.unit}, as a share of S2 alone"
    names = (
        "S2 share",
        "accuracy",
        "95 % interval",
        "− S1",
        "− S2",
        "95 % interval",
        "cost",
        "95 % interval",
    )
    table = _table(title, ("policy",), names)
    for item in found:
        table.add_row(
            _short(item.policy),
            percent(item.rho.value),
            *_with_interval(item.accuracy),
            _points(item.over_s1),
            *_with_interval(item.over_s2, plus=True),
            *_with_interval(item.cost_share),
        )
    return table


def _lifts(found: Sequence[Replayed]) -> RenderableType:
    names = ("lift", "95 % interval", "oracle", "gap closed", "95 % interval", "PGR")
    table = _table("against random routing and the oracle at equal S2 share", ("policy",), names)
    for item in found:
        table.add_row(
            _short(item.policy),
            *_with_interval(item.lift, plus=True),
            percent(item.oracle),
            *_with_interval(item.gap_closed),
            percent(item.pgr),
        )
    return table


def _curves(found: Sequence[Replayed]) -> RenderableType:
    names = (
        "APGR",
        "95 % interval",
        "CPT50",
        "CPT80",
        "AIQ",
        "AIQ zero",
        "AUROC",
        "regret 0",
        ".1",
        ".2",
        ".5",
    )
    table = _table("over all thresholds; regret at λ", ("policy",), names)
    for item in found:
        apgr = (_three(item.apgr.value), _plain(item.apgr)) if item.apgr else ("–", "–")
        regrets = (_three(None if at is None else at.value) for at in item.regret.values())
        numbers = (item.aiq, item.aiq_zero, item.auroc)
        table.add_row(
            _short(item.policy),
            *apgr,
            percent(item.cpt50),
            percent(item.cpt80),
            *map(_three, numbers),
            *regrets,
        )
    return table


def _cells(found: Sequence[Replayed]) -> RenderableType:
    table = _table("cells, questions", ("policy",), tuple(name.replace("_", " ") for name in _CELLS))
    for item in found:
        table.add_row(_short(item.policy), *(str(getattr(item.cells, name)) for name in _CELLS))
    return table


def _remarks(found: Sequence[Replayed]) -> list[Text]:
    first, lines = found[0], []
    if any(item.apgr is not None and item.apgr.value is None for item in found):
        one, two = percent(first.s1.value), percent(first.s2.value)
        lines.append(
            f"S2 alone ({two}) is no better than S1 alone ({one}): there is no gap, so APGR and CPT are null."
        )
    for item in found:
        if item.fallbacks:
            lines.append(f"{item.policy}: failed on {item.fallbacks} questions, where the rules decided.")
        if item.mixed:
            lines.append(
                f"{item.policy}: {item.mixed} later turns of chains were told the other path's answers; "
                f"dsb route rerun asks them anew."
            )
    return [Text(line) for line in lines]


def _short(policy: str) -> str:
    """Without the folders of its file."""
    name, colon, argument = policy.partition(":")
    return f"{name}{colon}{Path(argument).name}"


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _with_interval(value: Estimate, *, plus: bool = False) -> tuple[str, str]:
    return (_points(value) if plus else percent(value.value)), interval(value, plus=plus)


def _points(value: Estimate) -> str:
    return signed(value.value, 1, scale=100)


def _plain(value: Estimate) -> str:
    return "–" if value.low is None or value.high is None else f"[{value.low:.2f}, {value.high:.2f}]"


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def print_misroutes(found: Misroutes, *, file: IO[str] | None = None) -> None:
    """Print cells by part, then examples of each mistake."""
    stream = file or sys.stdout
    names = tuple(name.replace("_", " ") for name in _CELLS)
    table = _table(f"{found.policy}: {found.n} questions", ("part",), names)
    for part, counts in (*found.by_part.items(), ("all", found.cells)):
        table.add_row(part, *(str(getattr(counts, name)) for name in _CELLS))
    lines: list[RenderableType] = [table]
    told = {
        "missed": "missed: only S2 is right, and S1 was asked",
        "harmful": "harmful: only S1 is right, and S2's answer counts",
        "wasted": "wasted: S2 was asked, and it made no difference",
    }
    for kind, title in told.items():
        examples: tuple[Misroute, ...] = getattr(found, kind)
        if examples:
            lines += [Text(title), *(Text(_example(one)) for one in examples), Text("")]
    width = None if stream.isatty() else _PLAIN_WIDTH
    Console(file=stream, width=width, highlight=False).print(Group(*lines))


def _example(one: Misroute) -> str:
    score = "" if one.score is None else f", score {one.score:.3f}"
    where = f"{one.sample} turn {one.turn} probe {one.probe}"
    return f"  {one.question!r} ({one.part}, {where}): S1 said {one.s1!r}, S2 {one.s2!r}{score}; {one.reason}"


def print_routed(found: Sequence[Routed], unit: str, *, file: IO[str] | None = None) -> None:
    """Print routed runs side by side."""
    stream = file or sys.stdout
    names = (
        "S2 share",
        "accuracy",
        "95 % interval",
        "over first",
        "95 % interval",
        "p, sign flip",
        "p, McNemar",
    )
    title = (
        f"{found[0].n} questions that all runs judged, {found[0].videos} videos; cost in {unit} a question"
    )
    table = _table(title, ("route", "run"), (*names, "cost", "fallbacks"))
    for item in found:
        over = _with_interval(item.over_first, plus=True) if item.over_first else ("–", "–")
        tests = ("–" if p is None else f"{p:.4f}" for p in (item.p_sign_flip, item.p_mcnemar))
        cost = "–" if item.cost.value is None else f"{item.cost.value:.4g}"
        shares = (percent(item.rho.value), *_with_interval(item.accuracy))
        table.add_row(_short(item.route), item.run, *shares, *over, *tests, cost, str(item.fallbacks))
    width = None if stream.isatty() else _PLAIN_WIDTH + 20
    Console(file=stream, width=width, highlight=False).print(table)

"""Tables of replayed policies: what they decided, what their scores are worth, and where they went wrong."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from bench.forms import Form
from bench.report.sheet import Sheet, write_sheets
from bench.report.words import interval, percent, signed
from bench.routing.compare import Routed
from bench.routing.misroutes import Misroute, Misroutes
from bench.routing.results import Replayed
from bench.scoring.stats import Estimate

__all__ = ["curves_csv", "print_misroutes", "print_replayed", "print_routed"]

_CELLS = ("both_right", "s1_only", "s2_only", "both_wrong", "missed", "harmful", "wasted")


def print_replayed(found: Sequence[Replayed], *, file: IO[str] | None = None) -> None:
    """Print the tables to `file` (standard output)."""
    stream = file or sys.stdout
    write_sheets(
        [_decisions(found), _lifts(found), _curves(found), _cells(found)], Form.TERMINAL, file=stream
    )
    for line in _remarks(found):
        stream.write(f"{line}\n")


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


def _decisions(found: Sequence[Replayed]) -> Sheet:
    first = found[0]
    title = f"{first.n} questions, {first.videos} videos; cost in {first.unit}, as a share of S2 alone"
    names = ("S2 share", "accuracy", "95 % interval", "cost", "95 % interval")
    others = ("oracle gap closed", "− S1", "− S2", "95 % interval")
    rows = [
        (
            _short(item.policy),
            percent(item.rho.value),
            *_with_interval(item.accuracy),
            *_with_interval(item.cost_share),
            percent(item.gap_closed.value),
            _points(item.over_s1),
            *_with_interval(item.over_s2, plus=True),
        )
        for item in found
    ]
    return Sheet(title, ("policy", *names, *others), rows)


def _lifts(found: Sequence[Replayed]) -> Sheet:
    names = ("lift", "95 % interval", "oracle", "gap closed", "95 % interval", "PGR")
    rows = [
        (
            _short(item.policy),
            *_with_interval(item.lift, plus=True),
            percent(item.oracle),
            *_with_interval(item.gap_closed),
            percent(item.pgr),
        )
        for item in found
    ]
    return Sheet("against random routing and the oracle at equal S2 share", ("policy", *names), rows)


def _curves(found: Sequence[Replayed]) -> Sheet:
    names = ("APGR", "95 % interval", "CPT50", "CPT80", "AIQ", "AIQ zero", "AUROC")
    regrets = ("regret 0", ".1", ".2", ".5")
    rows = []
    for item in found:
        apgr = (_three(item.apgr.value), _plain(item.apgr)) if item.apgr else ("–", "–")
        regret = (_three(None if at is None else at.value) for at in item.regret.values())
        numbers = (item.aiq, item.aiq_zero, item.auroc)
        cpt = (percent(item.cpt50), percent(item.cpt80))
        rows.append((_short(item.policy), *apgr, *cpt, *map(_three, numbers), *regret))
    return Sheet("over all thresholds; regret at λ", ("policy", *names, *regrets), rows)


def _cells(found: Sequence[Replayed]) -> Sheet:
    rows = [(_short(item.policy), *(str(getattr(item.cells, name)) for name in _CELLS)) for item in found]
    return Sheet("cells, questions", ("policy", *_cell_names()), rows)


def _cell_names() -> list[str]:
    return [name.replace("_", " ") for name in _CELLS]


def _remarks(found: Sequence[Replayed]) -> list[str]:
    first, lines = found[0], list[str]()
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
    return lines


def _short(policy: str) -> str:
    """Without the folders of its file."""
    name, colon, argument = policy.partition(":")
    return f"{name}{colon}{Path(argument).name}"


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
    counted = (*found.by_part.items(), ("all", found.cells))
    rows = [(part, *(str(getattr(counts, name)) for name in _CELLS)) for part, counts in counted]
    title = f"{found.policy}: {found.n} questions"
    write_sheets([Sheet(title, ("part", *_cell_names()), rows)], Form.TERMINAL, file=stream)
    told = {
        "missed": "missed: only S2 is right, and S1 was asked",
        "harmful": "harmful: only S1 is right, and S2's answer counts",
        "wasted": "wasted: S2 was asked, and it made no difference",
    }
    for kind, title in told.items():
        examples: tuple[Misroute, ...] = getattr(found, kind)
        if examples:
            stream.write("\n".join([title, *map(_example, examples), "", ""]))


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
    rows = []
    for item in found:
        over = _with_interval(item.over_first, plus=True) if item.over_first else ("–", "–")
        tests = ("–" if p is None else f"{p:.4f}" for p in (item.p_sign_flip, item.p_mcnemar))
        cost = "–" if item.cost.value is None else f"{item.cost.value:.4g}"
        shares = (percent(item.rho.value), *_with_interval(item.accuracy))
        rows.append((_short(item.route), item.run, *shares, *over, *tests, cost, str(item.fallbacks)))
    columns = ("route", "run", *names, "cost", "fallbacks")
    write_sheets([Sheet(title, columns, rows, text=2)], Form.TERMINAL, file=stream)

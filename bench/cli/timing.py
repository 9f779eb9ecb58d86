"""What `dsb analyze` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from bench.analysis import (
    LatencyProfile,
    answered,
    profile_of,
    read_profile,
    revisions,
    staleness,
    write_profile,
)
from bench.analysis.clock import Hardware
from bench.analysis.replayed import clocked
from bench.forms import Form
from bench.report.sheet import Sheet, write_sheets
from bench.report.timing import clock_sheet, deadline_sheet, revision_sheet, staleness_sheet
from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.scoring.base import Rules
from bench.scoring.score import rules_of
from bench.scoring.text import text_matcher

__all__ = ["save_profile", "tell_clock", "tell_staleness"]


def tell_staleness(run: str, *, horizon_s: float, form: Form, as_json: bool) -> None:
    """Print the tables of a run."""
    folder = RunFolder.open(run)
    rules = _rules(folder)
    found = answered(folder.dataset().samples, folder.seen(), rules)
    late = staleness(found, rules, seed=rules.seed)
    revised = revisions(found, rules, horizon_s=horizon_s, seed=rules.seed)
    if as_json:
        _print({"staleness": [x.model_dump() for x in late], "revisions": [x.model_dump() for x in revised]})
        return
    write_sheets(_sheets([staleness_sheet(late), deadline_sheet(late), revision_sheet(revised)]), form)


def save_profile(run: str, out: Path) -> None:
    """Write a run's latency profile."""
    profile = _profile_of(RunFolder.open(run))
    write_profile(out, profile)
    counts = ", ".join(f"{count} of {work}" for work, count in sorted(profile.counts.items()))
    typer.echo(f"{out}: {counts}")


def tell_clock(
    run: str, profile: Path | None, hardware: Hardware, *, horizon_s: float, form: Form, as_json: bool
) -> None:
    """Replay a run and print its tables."""
    folder = RunFolder.open(run)
    times = read_profile(profile) if profile else _profile_of(folder)
    lines = list(folder.seen())
    found = clocked(folder.dataset().samples, lines, _rules(folder), times, hardware, horizon_s=horizon_s)
    if as_json:
        _print(found.model_dump(mode="json", by_alias=True))
        return
    late, revised = found.staleness, found.revisions
    sheets = [clock_sheet(found), staleness_sheet(late), deadline_sheet(late), revision_sheet(revised)]
    write_sheets(_sheets(sheets), form)


def _rules(folder: RunFolder) -> Rules:
    config = config_of(folder.manifest().settings)
    return rules_of(config, text_matcher(config.scoring.text))


def _profile_of(folder: RunFolder) -> LatencyProfile:
    manifest = folder.manifest()
    return profile_of(
        folder.scored(), run=manifest.run, hardware=manifest.model_dump(mode="json").get("hardware")
    )


def _sheets(sheets: list[Sheet]) -> list[Sheet]:
    return [sheet for sheet in sheets if sheet.rows]


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))

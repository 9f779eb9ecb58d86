"""What the commands of `dsb route` do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import typer

from bench.cli import INTERRUPTED
from bench.data.schema import Part
from bench.files import open_atomic
from bench.report.routing import curves_csv, print_misroutes, print_replayed, print_routed
from bench.report.words import percent
from bench.routing.compare import compare_routes
from bench.routing.misroutes import misroutes
from bench.routing.paired import CostUnit, Paired, paired
from bench.routing.replay import replay
from bench.routing.results import results
from bench.routing.seen import met_before, met_by_runs
from bench.run.config import config_of
from bench.run.folder import RunFolder
from shared.errors import ConfigError

__all__ = ["rerun_run", "show_comparison", "show_misroutes", "show_simulation", "train_policy"]


_KINDS = ("learned", "semantic")


def show_simulation(
    run: str, policies: Sequence[str], parts: Sequence[str], cost: str, *, curves: str, as_json: bool
) -> None:
    """Replay, print, and write the curves."""
    table = _table(run, parts, cost)
    if also := config_of(RunFolder.open(run).manifest().settings).memory.notes().also:
        _warn(
            f"the run remembers what is said (memory.also: {', '.join(also)}), so S2 read answers of both paths: "
            "a replay is near what a policy would have made, not equal to it"
        )
    for name in policies:
        _warn(met_before(table, name))
    found = [results(table, replay(table, name)) for name in policies]
    if curves:
        with open_atomic(Path(curves)) as file:
            file.write(curves_csv(found).encode())
    if as_json:
        typer.echo(json.dumps([item.model_dump(mode="json") for item in found], indent=1))
    else:
        print_replayed(found)


def train_policy(
    runs: Sequence[str],
    out: str,
    kind: str,
    parts: Sequence[str],
    cost: str,
    *,
    price: float,
    seed: int,
) -> None:
    """Fit, write the file, and say what it will do."""
    from bench.routing.train import fit_learned, fit_semantic, joined

    if kind not in _KINDS:
        raise ConfigError(f"--kind {kind!r}: choose one of {', '.join(_KINDS)}")
    table = joined([_table(run, parts, cost) for run in runs])
    fitted = (
        fit_learned(table, price=price, seed=seed) if kind == "learned" else fit_semantic(table, price=price)
    )
    with open_atomic(Path(out)) as file:
        file.write(fitted.file.model_dump_json(by_alias=True, indent=1).encode() + b"\n")
    said = fitted.file.trained
    text = f"{out}: fitted on {said['questions']} questions of {said['videos']} videos; on unseen ones "
    if kind == "semantic":
        text = f"{out}: threshold fitted on {said['questions']} questions of {said['videos']} videos; there "
    error = "" if fitted.error is None else f", calibration error {fitted.error:.3f}"
    typer.echo(
        f"{text}{percent(fitted.accuracy)} right with {percent(fitted.rho)} on S2 "
        f"(S1 {percent(said['s1'])}, S2 {percent(said['s2'])}){error}; use it as {kind}:{out}"
    )


def show_misroutes(
    run: str, policy: str, parts: Sequence[str], cost: str, *, examples: int, as_json: bool
) -> None:
    """Replay one policy and show where it went wrong."""
    table = _table(run, parts, cost)
    found = misroutes(table, replay(table, policy), examples=examples)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_misroutes(found)


def show_comparison(runs: Sequence[str], cost: str, *, as_json: bool) -> None:
    """Put routed runs side by side."""
    if len(runs) < 2:
        raise ConfigError(f"{len(runs)} run: name two or more on the same questions")
    unit = CostUnit(_known(cost, CostUnit, "--cost"))
    folders = [RunFolder.open(run) for run in runs]
    found = compare_routes(folders, unit)
    for line in met_by_runs(folders):
        _warn(line)
    if as_json:
        typer.echo(json.dumps([item.model_dump(mode="json") for item in found], indent=1))
    else:
        print_routed(found, unit)


def rerun_run(run: str, policy: str, name: str, *, nats: str) -> None:
    """Make the run of a policy, say where it is, and print its scores."""
    from bench.cli.show import report
    from bench.routing.rerun import rerun

    source = RunFolder.open(run)
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{source.path.resolve().name}-{policy}")[:40].strip("-")
    made = rerun(source, policy, source.path.resolve().parent / (name or slug), nats=nats)
    if not made.complete:
        typer.echo(f"interrupted; {made.asked} answers are kept. Go on with the same command")
        raise typer.Exit(INTERRUPTED)
    typer.echo(f"{made.folder.path}: {made.copied} answers copied, {made.asked} asked")
    report(made.folder)


def _warn(line: str) -> None:
    if line:
        typer.echo(f"warning: {line}", err=True)


def _table(run: str, parts: Sequence[str], cost: str) -> Paired:
    return paired(RunFolder.open(run), unit=CostUnit(_known(cost, CostUnit, "--cost")), parts=_parts(parts))


def _parts(parts: Sequence[str]) -> list[str]:
    return [_known(part, Part, "--part") for part in parts]


def _known(value: str, names: type[CostUnit] | type[Part], option: str) -> str:
    known = [str(name) for name in names]
    if value in known:
        return value
    near = difflib.get_close_matches(value, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
    raise ConfigError(f"{option} {value!r}: {hint}")

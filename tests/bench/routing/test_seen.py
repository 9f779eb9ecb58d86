"""A fitted policy that is replayed on videos of its training says so, and one that meets new ones says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from routing_kit import paired_run

from bench.cli.routing import show_comparison, show_simulation
from bench.routing.misroutes import misroutes
from bench.routing.paired import CostUnit, paired
from bench.routing.replay import replay
from bench.routing.seen import met_before
from bench.routing.train import fit_semantic
from bench.run.config import load_config
from bench.run.folder import RunFolder

OUTCOMES = [(0, 1), (1, 1), (1, 0), (1, 1), (0, 1), (0, 0)]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return paired_run(tmp_path / "here", OUTCOMES)


@pytest.fixture
def route(run: RunFolder, tmp_path: Path) -> str:
    """A policy that was fitted on the first two of the run's three videos."""
    table = paired(run, unit=CostUnit.CALLS)
    mine = table.only(table.outcome.clusters < 2)
    file = tmp_path / "router.json"
    file.write_text(fit_semantic(mine, price=0.1).file.model_dump_json(by_alias=True))
    return f"semantic:{file}"


def test_a_replay_on_videos_of_the_training_says_on_how_many(
    run: RunFolder, route: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_simulation(str(run.path), [route], [], "calls", curves="", as_json=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"warning: {route} was fitted on 2 of these 3 videos: what it scores here says little about others; "
        "replay it on a run of other videos"
    ]


def test_other_videos_and_shipped_policies_are_met_for_the_first_time(run: RunFolder, route: str) -> None:
    table = paired(run, unit=CostUnit.CALLS)
    assert met_before(table.only(table.outcome.clusters == 2), route) == ""
    assert [met_before(table, name) for name in ("semantic", "rule", "oracle", "semantic:gone.json")] == [
        ""
    ] * 4


def test_runs_that_are_compared_are_asked_by_what_they_were_routed(
    run: RunFolder, route: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = run.manifest()
    routed = load_config(None, {"system.route": route, "dataset.path": str(tmp_path / "here" / "all.json")})
    run.write_manifest(manifest.model_copy(update={"settings": routed.masked()}))
    show_comparison([str(run.path), str(run.path)], "calls", as_json=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"warning: run: {route} was fitted on 2 of these 3 videos") for line in lines)


def test_a_question_whose_slot_was_filled_is_shown_as_it_was_asked(tmp_path: Path) -> None:
    folder = paired_run(tmp_path / "slots", [(0, 1), (1, 1)])
    filled = [
        record.model_copy(update={"question": "Where was the star?"}) if record.sample == "q0" else record
        for record in folder.records()
    ]
    folder.records_path.write_bytes(b"".join(record.to_line() for record in filled))
    table = paired(folder, unit=CostUnit.CALLS)
    [one] = misroutes(table, replay(table, "force-s1")).missed
    assert one.question == "Where was the star?"
    assert table.rows[0].question.text != one.question

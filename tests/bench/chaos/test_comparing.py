"""What a run under faults is held against: records, scores, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_kit import answered, dataset, run_folder, sample

from bench.chaos import Fault, Kind, Outcome, Plan, Struck, read_outcome
from bench.chaos.compare import compare
from bench.chaos.outcome import write_outcome
from bench.chaos.table import by_fault, fault_sheet, summary, verdict
from bench.report.html import write_report
from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.run.records import Record
from shared.errors import DataError

SAMPLES = [sample("q0"), sample("q1")]
CONFIG = load_config(None, {"system.route": "force-s1"})


def run(folder: Path, *records: Record) -> RunFolder:
    return run_folder(folder, dataset(folder, SAMPLES), records, config=CONFIG)


def right() -> list[Record]:
    return [answered(one, "A") for one in SAMPLES]


def test_the_same_answers_at_other_times_are_no_difference(tmp_path: Path) -> None:
    late = [answered(one, "A", latency_s=9.0) for one in SAMPLES]
    found = compare(run(tmp_path / "a", *late), run(tmp_path / "b", *right()))
    assert found.finals == 2
    assert not any((found.lost, found.doubled, found.changed, found.moved, found.violations))


def test_a_lost_a_doubled_and_a_changed_answer_are_told_apart(tmp_path: Path) -> None:
    reference = run(tmp_path / "plain", *right())
    lost = compare(run(tmp_path / "lost", right()[0]), reference)
    assert [item.split()[0] for item in lost.lost] == ["q1"]
    twice = compare(run(tmp_path / "twice", *right(), right()[1]), reference)
    assert [item.split()[0] for item in twice.doubled] == ["q1"]
    other = compare(run(tmp_path / "other", right()[0], answered(SAMPLES[1], "B")), reference)
    assert [item.split()[0] for item in other.changed] == ["q1"]
    assert [(one.part, one.before, one.after) for one in other.moved if one.score == "accuracy"] == [
        ("realtime", 1.0, 0.5)
    ]


def outcome(**more: object) -> Outcome:
    plan = Plan(faults=(Fault(kind=Kind.PAUSE, target="s1", after_s=1.0),))
    struck = Struck(
        fault="pause s1", kind="pause", target="s1", struck_s=1.0, lasted_s=2.0, ready_s=2.1, recovery_s=2.5
    )
    fields = {"run": "r", "reference": "p", "plan": plan, "seconds": 9.0, "reference_s": 4.0, "cores": 2}
    return Outcome.model_validate({**fields, "load": 1.0, "faults": (struck,), "finals": 2, **more})


def test_recovery_counts_from_the_end_of_the_fault() -> None:
    [row] = by_fault([outcome()]).rows
    assert list(row) == ["pause", "s1", "1", "0.10", "0.10", "1", "0.50", "0.50"]
    assert summary([outcome()])["recovery_max_s"] == 0.5


def test_a_fault_that_never_struck_makes_no_sound_run() -> None:
    never = Struck(fault="kill s1", kind="kill", target="s1")
    assert outcome().sound
    assert not outcome(faults=(never,)).sound
    assert verdict(outcome(faults=(never,))) == "1 not struck"


def test_the_report_of_a_run_shows_what_faults_changed(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", *right())
    write_outcome(folder.path, outcome(lost=("q7 turn 0",)))
    assert read_outcome(folder.path) == outcome(lost=("q7 turn 0",))
    write_report([folder], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<h2>Faults</h2>" in page
    assert "lost: q7 turn 0" in page
    assert "pause s1" in fault_sheet(outcome()).rows[0]


def test_a_spoilt_outcome_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "chaos.json").write_text('{"run": 1}')
    with pytest.raises(DataError, match=r"chaos\.json: /.*run the plan again"):
        read_outcome(tmp_path)

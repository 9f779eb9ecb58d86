"""Fault plans on a real embedded stack: nothing is lost, nothing is there twice, scores are equal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stack_kit import dsb

from bench.chaos import read_outcome
from bench.chaos.campaign import RECIPE
from bench.data.synth import build

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def test_five_seeded_plans_change_no_answer_and_a_second_call_plays_none_again(tmp_path: Path) -> None:
    words = ("chaos", "--random", "5", "--seed", "0", "--out", str(tmp_path))
    first = dsb(*words)
    said, wrong = first.communicate(timeout=800)
    told = json.loads(said.splitlines()[-1])
    assert first.returncode == 0, said + wrong
    assert (told["sound"], told["plans"], told["lost"], told["doubled"]) == (5, 5, 0, 0)
    assert told["gaps"] == 3
    again, _ = dsb(*words).communicate(timeout=60)
    assert json.loads(again.splitlines()[-1]) == told


@pytest.mark.slow
def test_a_plan_in_a_file_is_played_beside_its_reference(tmp_path: Path) -> None:
    data = build(tmp_path / "data", RECIPE)
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"""
settings: {{dataset.path: {data.path}}}
env: {{DSB_LEASE_TTL_S: "2"}}
faults:
  - {{kind: kill, target: router, after_records: 5}}
  - {{kind: kill, target: bench, after_records: 12}}
"""
    )
    process = dsb("chaos", str(plan), "--out", str(tmp_path / "runs"), "--name", "killed")
    said, wrong = process.communicate(timeout=600)
    assert process.returncode == 0, said + wrong
    outcome = read_outcome(tmp_path / "runs" / "killed")
    assert outcome is not None
    assert outcome.sound
    assert outcome.resumed == 1
    assert (tmp_path / "runs" / "killed-reference" / "scores.json").exists()

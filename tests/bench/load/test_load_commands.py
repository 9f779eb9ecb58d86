"""`dsb load` as it is typed, in miniature: each ends in one JSON line that says what it ran on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.stack


def dsb_load(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.cli", "load", *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert found["measured"] == words[0]
    assert found["machine"]["cores"] > 0
    assert len(found["machine"]["load_after"]) == 3
    return found


def test_two_sleeping_workers_answer_and_the_chart_is_drawn(tmp_path: Path) -> None:
    chart = tmp_path / "throughput.svg"
    found = dsb_load("throughput", "--workers", "2", "--jobs", "5", "--sleep", "0.1", "--plot", str(chart))
    assert set(found["rates"]) == {"1", "2"}
    assert 0 < found["rates"]["1"] < 10
    assert "S2 workers" in chart.read_text()


@pytest.mark.slow
def test_streams_that_were_tried_are_not_tried_again(tmp_path: Path) -> None:
    words = ["streams", "--at", "2", "--seconds", "8", "--keep", str(tmp_path / "trials.jsonl")]
    found = dsb_load(*words)
    [trial] = found["trials"]
    assert (trial["streams"], trial["failed"]) == (2, 0)
    assert trial["frames_encoded"] > 0
    assert dsb_load(*words)["trials"] == [trial]


@pytest.mark.slow
def test_streams_beyond_the_slots_of_s1_are_each_refused_and_those_within_are_played() -> None:
    [trial] = dsb_load("streams", "--at", "4", "--slots", "2", "--seconds", "8")["trials"]
    assert (trial["streams"], trial["why_not"]) == (2, "S1 refused 2 of 4")
    assert trial["refusal"] == "no room on s1: add workers or ask less often"
    assert trial["frames_encoded"] > 0


@pytest.mark.slow
def test_the_frame_rate_search_ends_with_a_rate_or_a_reason(tmp_path: Path) -> None:
    found = dsb_load("maxfps", "--most", "4", "--seconds", "8", "--age", "5", "--drops", "0.2")
    assert 0 <= found["max_fps"] <= 4
    assert all(trial["fps"] <= 4 for trial in found["trials"])


@pytest.mark.slow
def test_s1_is_measured_beside_an_idle_and_a_saturated_s2() -> None:
    words = ["--s2", "sleep", "--pairs", "1", "--seconds", "12", "--streams", "3", "--sleep", "0.1"]
    found = dsb_load("interference", *words)
    [pair] = found["sleep"]["pairs"]
    assert found["sleep"]["ratio"] == pair["ratio"] > 0
    assert pair["idle_s2_per_s"] == 0 < pair["busy_s2_per_s"]

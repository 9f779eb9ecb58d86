"""A run that is killed again and again, at random bytes of what it writes, ends with the scores of one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stack_kit import ROOT, Kit, answers, assert_sound

from bench.data.synth import Recipe
from bench.run.folder import RunFolder
from bench.scoring import score_run

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

KILLS = 10


def _scores(folder: RunFolder) -> bytes:
    """`scores.json`, timings aside."""
    score_run(folder)
    held = json.loads((folder.path / "scores.json").read_bytes())
    del held["timings"]
    return json.dumps(held, sort_keys=True).encode()


def test_ten_kills_at_random_bytes_change_no_score(tmp_path: Path) -> None:
    recipe = Recipe(seed=2, videos=3, per_video=1, duration_s=(12.0, 16.0), parts=("realtime", "clue"))
    kit = Kit(tmp_path, recipe)
    plain = kit.run("plain", stream__mode="offline")
    size = plain.records_path.stat().st_size
    path = kit.yaml("killed", stream__mode="offline")
    words = [sys.executable, str(ROOT / "tests/support/killing.py"), str(path), str(KILLS), "7", str(size)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= KILLS - 2
    folder = RunFolder.open(tmp_path / "runs" / "killed")
    assert_sound(folder)
    assert answers(folder) == answers(plain)
    assert _scores(folder) == _scores(plain)
    assert len(folder.records()) > len(answers(folder))

"""`dsb run-all`: shards as processes, one of which is killed; the merged run equals the one that was not sharded."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from stack_kit import Kit, answers, assert_sound, dsb, wait_records

from bench.data.synth import Recipe
from bench.run.folder import RunFolder
from bench.scoring import score_run

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]


def _run_all(config: Path, folder: Path) -> tuple[int, str]:
    words = ("run-all", str(config), "--parallel", "2", "--name", folder.name, "--out", str(folder.parent))
    process = dsb(*words)
    said, wrong = process.communicate(timeout=280)
    return process.returncode, said + wrong


def _kill(shard: Path) -> None:
    """Kill the process that writes a shard, by the id in the folder's lock."""
    wait_records(shard, 2, timeout=200)
    os.kill(int((shard / ".lock").read_text()), signal.SIGKILL)


def _scores(folder: RunFolder) -> bytes:
    score_run(folder)
    held = json.loads((folder.path / "scores.json").read_bytes())
    return json.dumps({**held, "timings": None}, sort_keys=True).encode()


def test_a_killed_shard_loses_nothing_and_the_merged_run_is_the_whole_one(tmp_path: Path) -> None:
    kit = Kit(tmp_path, Recipe(seed=2, videos=3, per_video=1, duration_s=(12.0, 30.0)))
    config = kit.yaml("all", stream__mode="offline")
    folder = tmp_path / "runs" / "all"
    killer = threading.Thread(target=_kill, args=(folder / "shards" / "001-of-002",))
    killer.start()
    code, said = _run_all(config, folder)
    killer.join()
    assert code == 1, said
    assert "shard 1/2 was killed by signal 9" in said
    kept = (folder / "shards" / "001-of-002" / "records.jsonl").read_bytes()

    code, said = _run_all(config, folder)
    assert code == 0, said
    assert (
        (folder / "shards" / "001-of-002" / "records.jsonl")
        .read_bytes()
        .startswith(kept.rpartition(b"\n")[0])
    )
    merged = {
        name: (folder / name).read_bytes() for name in ("records.jsonl", "manifest.json", "scores.json")
    }

    code, said = _run_all(config, folder)
    assert code == 0, said
    assert "has begun" not in said
    assert merged == {name: (folder / name).read_bytes() for name in merged}

    plain, whole = kit.run("plain", stream__mode="offline"), RunFolder.open(folder)
    assert_sound(whole)
    assert answers(whole) == answers(plain)
    assert _scores(whole) == _scores(plain)

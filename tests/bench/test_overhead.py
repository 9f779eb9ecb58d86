"""What `make bench-overhead` promises to print; how fast anything is, is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from bench.overhead import make_video, percentile, plain_fps


def test_a_percentile_lies_between_its_neighbours() -> None:
    values = [float(value) for value in range(101)]
    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile([1.0, 3.0], 50) == 2


def test_the_plain_loop_reads_every_frame_of_the_made_video(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    make_video(video, count=12)
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 12
    assert plain_fps(video) > 0


@pytest.mark.stack
@pytest.mark.slow
def test_both_comparisons_end_in_one_json_line() -> None:
    command = [sys.executable, "-m", "bench.overhead", "--questions", "5", "--frames", "60"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout.splitlines()[-1])
    assert {"added_p50_ms", "added_p99_ms", "path_over_model_p50", "reader_over_plain"} <= set(result)
    assert result["path_p50_ms"] > result["model_p50_ms"] > 0

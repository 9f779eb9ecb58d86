"""What `dsb load soak` says of slopes, and that it follows a stream and is refused one too many."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
from itertools import accumulate, takewhile
from pathlib import Path

import pytest

from bench.load.trend import Trend, trend

HOURS = [i / 720 for i in range(360)]


def test_a_straight_line_has_its_slope_and_no_error() -> None:
    line = trend(HOURS, [100 + 7 * t for t in HOURS])
    assert line.slope == pytest.approx(7)
    assert line.error == pytest.approx(0, abs=1e-6)


def test_noise_alone_has_a_slope_within_three_errors_of_none() -> None:
    draw = random.Random(3)
    line = trend(HOURS, [500 + draw.gauss(0, 2) for _ in HOURS])
    assert abs(line.slope) < 3 * line.error


def test_a_series_whose_neighbours_are_alike_is_trusted_less() -> None:
    draw = random.Random(4)
    apart = [draw.gauss(0, 1) for _ in HOURS]
    alike = list(accumulate(apart, lambda held, new: 0.95 * held + new))
    spread = math.sqrt(sum(a * a for a in alike) / sum(a * a for a in apart))
    assert trend(HOURS, alike).error > 3 * spread * trend(HOURS, apart).error


@pytest.mark.parametrize(
    ("slope", "error", "within"),
    [
        (0.5, 0.25, True),
        (-0.5, 0.25, True),
        (0.6, 0.25, False),
        (-0.6, 0.25, False),
        (0.0, 0.0, True),
        (9.0, math.nan, None),
    ],
)
def test_a_slope_is_noise_within_two_standard_errors(slope: float, error: float, within: bool | None) -> None:
    assert Trend(slope, error).within_noise() is within


def test_a_size_that_never_changes_has_no_slope() -> None:
    assert trend(HOURS, [562.31] * len(HOURS)).within_noise()


def test_a_slope_of_less_than_a_step_is_noise() -> None:
    assert Trend(0.3, 0.04).within_noise(1.0)
    assert Trend(-0.3, math.nan).within_noise(1.0)
    assert not Trend(1.3, 0.04).within_noise(1.0)


def test_two_points_have_a_slope_without_error() -> None:
    line = trend([0.0, 1.0], [1.0, 3.0])
    assert line.slope == pytest.approx(2)
    assert math.isnan(line.error)


@pytest.mark.stack
@pytest.mark.slow
def test_one_stream_is_followed_and_one_too_many_is_refused_in_one_line() -> None:
    command = [sys.executable, "-m", "bench.cli", "load", "soak"]
    options = ["--seconds", "12", "--warm-up", "6", "--streams", "all", "--slots", "1", "--only-s1"]
    ended = subprocess.run([*command, *options], capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert (found["streams"], found["failed"]) == (1, 0)
    assert found["refusal"] == "no room on s1: add workers or ask less often"
    assert found["frames_encoded"] + found["frames_dropped"] > 0
    assert found["asked"] > 0
    assert not any(found["troubles"].values())
    assert sum(found["drops"].values()) == found["frames_dropped"]
    assert found["rss"]["s1-1"]["cores"] > 0
    assert found["rss"]["s1-1"]["from_min"] == 0.1
    assert found["seconds"] >= 18
    assert set(found["rss"]) == {"nats", "reader-1", "router-1", "s1-1", "memory-1", "bench"}


@pytest.mark.stack
@pytest.mark.slow
def test_an_interrupted_soak_tells_what_it_has_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.cli", "load", "soak", "--streams", "1", "--only-s1"]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*command, "--seconds", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as soaking:
        assert soaking.stdout is not None
        assert soaking.stderr is not None
        told = list(takewhile(lambda line: not line.startswith("   0.0"), soaking.stdout))
        soaking.send_signal(signal.SIGTERM)
        told += soaking.stdout
        assert "dsb: interrupted after 0." in soaking.stderr.read()
    assert soaking.returncode == 130
    found = json.loads(told[-1])
    assert found["interrupted"]
    assert 0 < found["seconds"] < 30
    assert found["rss"]["s1-1"]["last_mb"] > 0
    assert found["rss"]["s1-1"]["slope_mb_h"] is None
    assert not list(tmp_path.glob("dsb-*"))

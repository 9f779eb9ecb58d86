"""What a measurement has to show: each aim alone may be missed, and with `--require` the command then ends with 1."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cli import loading
from bench.cli.app import app
from bench.load.verdict import interference_missed, soak_missed, throughput_missed
from shared.errors import ConfigError

STEADY = {"slope_mb_h": 0.4, "error_mb_h": 0.25, "within_noise": True, "restarts": 0}
QUIET: dict[str, Any] = {
    # The bench holds what it has heard until the end: it is no service.
    "rss": {"s1-1": STEADY, "router-1": STEADY, "bench": STEADY | {"within_noise": False}},
    "troubles": {"reconnects": 0, "leases lost": 0},
    "asked": 90,
    "failed": 0,
    "drops": {"s1: slow_model": 71},
    "interrupted": False,
    "seconds": 90.0,
}


def test_a_quiet_soak_misses_nothing_though_s1_dropped_frames_by_its_policy() -> None:
    assert soak_missed(QUIET) == []


def with_s1(**more: Any) -> dict[str, Any]:
    return {"rss": QUIET["rss"] | {"s1-1": STEADY | more}}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            with_s1(slope_mb_h=7.1, error_mb_h=1.1, within_noise=False),
            "the memory of s1-1, +7.10 MB/h, is more than 2 standard errors (1.10) from none",
        ),
        (
            with_s1(error_mb_h=None, within_noise=None),
            "the memory of s1-1, +0.40 MB/h, can't be told from noise: soak longer",
        ),
        (
            with_s1(slope_mb_h=None, error_mb_h=None, within_noise=None),
            "the memory of s1-1, – MB/h, can't be told from noise: soak longer",
        ),
        ({"interrupted": True}, "interrupted after 1.5 minutes"),
        (with_s1(restarts=2), "s1-1 was started anew 2 times"),
        ({"troubles": {"reconnects": 3, "leases lost": 0}}, "3 reconnects"),
        ({"troubles": {"reconnects": 0, "leases lost": 1}}, "1 leases lost"),
        ({"failed": 1}, "1 of 90 questions failed"),
        ({"drops": {"reader: slow_log": 4, "s1: slow_model": 2}}, "4 frames dropped (reader: slow_log)"),
        ({"drops": {"s1: log_full": 1}}, "1 frames dropped (s1: log_full)"),
    ],
)
def test_each_aim_of_a_soak_alone_may_be_missed(change: dict[str, Any], why: str) -> None:
    assert soak_missed(QUIET | change) == [why]


def test_what_is_given_back_and_what_the_policy_gives_up_is_no_miss() -> None:
    less = with_s1(slope_mb_h=-3.5, error_mb_h=0.7, within_noise=False)
    assert soak_missed(QUIET | less | {"drops": {"reader: late": 9, "s1: slow_model": 542}}) == []


def test_four_workers_are_to_give_three_point_six_times_one() -> None:
    assert throughput_missed({"speedup": {"1": 1.0, "2": 1.2, "4": 3.6}}) == []
    assert throughput_missed({"speedup": {"1": 1.0, "4": 3.59}}) == ["4 workers gave 3.59 times one, not 3.6"]


def test_a_sleeping_s2_may_slow_s1_by_a_quarter_and_a_computing_one_by_more() -> None:
    assert interference_missed({"sleep": {"ratio": 1.25}, "compute": {"ratio": 3.0}}) == []
    assert interference_missed({"compute": {"ratio": 3.0}}) == []
    assert interference_missed({"sleep": {"ratio": 1.26}}) == [
        "S1's p95 was 1.26 times its idle value, not 1.25"
    ]


FOUND: dict[str, Any] = {
    "sleep_s": 0.5,
    "rates": {"1": 2.0, "2": 3.0},
    "speedup": {"1": 1.0, "2": 1.5},
    "of_ideal": {"1": 1.0, "2": 0.75},
    "added_ms": {"1": 0.0, "2": 166.7},
}


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--require"], 1)])
def test_what_is_required_and_missed_is_one_line_and_code_one(
    words: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "throughput", lambda folder, **_: FOUND)
    ended = CliRunner().invoke(app, ["load", "throughput", *words])
    assert json.loads(ended.stdout.splitlines()[-1])["missed"] == ["2 workers gave 1.5 times one, not 1.8"]
    assert ended.stderr == ("dsb: missed: 2 workers gave 1.5 times one, not 1.8\n" if code else "")
    assert ended.exit_code == code


def test_a_computing_s2_alone_has_no_aim() -> None:
    ended = CliRunner().invoke(app, ["load", "interference", "--s2", "compute", "--require"])
    assert isinstance(ended.exception, ConfigError)
    assert "--s2 sleep" in str(ended.exception)

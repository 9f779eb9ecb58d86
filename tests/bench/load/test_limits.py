"""What counts as borne, what counters tell, and what tables and charts make of it."""

from __future__ import annotations

from typing import Any

import pytest

from bench.load import Limit, counters
from bench.load.counters import Counted, drops, troubles
from bench.load.limits import why_not
from bench.load.plots import interference_plot, soak_plot, throughput_plot, trials_plot
from bench.load.sheets import interference_sheet, soak_sheets, throughput_sheet, trials_sheet
from shared.telemetry import declared

BORNE: dict[str, Any] = {
    "streams": 8,
    "fps": 2.0,
    "frames_due": 960,
    "frames_encoded": 958,
    "frames_dropped": 0,
    "drop_share": 0.0,
    "asked": 90,
    "failed": 0,
    "published_late_p95_s": 0.01,
    "ages_p95_s": 0.48,
    "latencies_p95_s": 0.2,
}
LIMIT = Limit("latency", 0.5)


def test_a_trial_within_all_limits_is_borne() -> None:
    assert why_not(BORNE, LIMIT, wanted=8) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"streams": 7}, "S1 refused 1 of 8"),
        ({"failed": 2}, "2 of 90 questions failed"),
        ({"frames_dropped": 3, "drop_share": 0.003}, "3 frames dropped"),
        ({"frames_encoded": 700}, "700 of 960 frames encoded"),
        ({"latencies_p95_s": 0.51}, "latency p95 0.51 s"),
        ({"latencies_p95_s": None}, "latency p95 None s"),
    ],
)
def test_each_limit_alone_is_a_reason(change: dict[str, Any], why: str) -> None:
    assert why_not(BORNE | change, LIMIT, wanted=8) == why


def test_a_share_of_drops_may_be_allowed_and_the_age_may_be_the_target() -> None:
    some = BORNE | {"frames_dropped": 9, "drop_share": 0.0094}
    assert why_not(some, Limit("latency", 0.5, 0.01), wanted=8) == ""
    assert why_not(BORNE, Limit("age", 0.4), wanted=8) == "age p95 0.48 s"


def test_drops_are_told_by_who_and_why_and_only_those_of_the_trial() -> None:
    late = Counted("reader", "frames_dropped", (("reason", "late"), ("service", "reader")))
    slow = Counted("s1", "frames_dropped", (("reason", "slow_model"), ("service", "s1")))
    assert drops({late: 5}, {late: 7, slow: 3}) == {"reader: late": 2, "s1: slow_model": 3}
    assert drops({late: 5}, {late: 5}) == {}


def test_troubles_are_named_even_when_there_were_none() -> None:
    taken, lost = (
        Counted("s1", "lease_changes", (("bucket", "dsb_owner"), ("change", change)))
        for change in ("taken", "lost")
    )
    found = troubles({}, {lost: 1, taken: 8})
    assert found["leases lost"] == 1
    assert found["reconnects"] == 0


def test_every_trouble_is_counted_by_a_metric_that_there_is() -> None:
    names = {name.removeprefix("dsb_").removesuffix("_total") for name in declared()}
    assert {metric for metric, _ in counters._TROUBLES} <= names


def test_trials_are_told_lightest_first_and_a_broken_one_says_why() -> None:
    broke = {"streams": 16, "fps": 2.0, "broke": "it did not start", "why_not": "it did not start"}
    sheet = trials_sheet("N*", [broke, BORNE | {"why_not": ""}])
    assert [row[0] for row in sheet.rows] == ["8", "16"]
    assert (sheet.rows[0][-1], sheet.rows[1][-1]) == ("borne", "it did not start")
    assert all(len(row) == len(sheet.columns) for row in sheet.rows)
    chart = trials_plot([broke, BORNE | {"why_not": ""}], "streams")
    assert chart.count("<svg") == 3
    assert "frames dropped, %" in chart


def test_throughput_is_told_beside_what_the_sleep_alone_would_allow() -> None:
    found = {
        "sleep_s": 0.5,
        "rates": {"1": 1.9, "2": 3.8},
        "speedup": {"1": 1.0, "2": 2.0},
        "of_ideal": {"1": 0.95, "2": 0.95},
        "added_ms": {"1": 26.3, "2": 26.3},
    }
    sheet = throughput_sheet(found)
    assert sheet.rows[1] == ("2", "3.80", "2.00", "95.0 %", "26.3")
    assert "no model" in sheet.title
    assert "sleep alone" in throughput_plot(found)


def test_interference_is_told_pair_by_pair_and_by_its_median() -> None:
    pair = {f"{name}_p{at}_ms": 10.0 for name in ("idle", "busy") for at in (50, 95)}
    pair |= {"ratio": 1.1, "busy_s2_per_s": 1.9, "busy_dropped": 0.0}
    found = {"sleep": {"ratio": 1.1, "pairs": [pair, pair]}}
    sheet = interference_sheet(found)
    assert [row[1] for row in sheet.rows] == ["1", "2", "median"]
    assert all(len(row) == len(sheet.columns) for row in sheet.rows)
    assert "saturated over idle" in interference_plot(found)


def test_a_soak_is_told_with_slopes_that_are_noise_or_not() -> None:
    process = {
        **dict.fromkeys(("first_mb", "last_mb", "max_mb"), 100.0),
        "slope_mb_h": 0.5,
        "error_mb_h": 0.25,
        "within_noise": True,
        "cores": 0.1,
        "starts": 1,
        "restarts": 0,
        "from_min": 1.0,
        "minutes_mb": [(0.0, 90.0), (1.0, 100.0), (2.0, 101.0)],
    }
    found = BORNE | {
        "seconds": 60.0,
        "drops": {},
        "frames_unaccounted": 2,
        "troubles": {"reconnects": 0},
        "accuracy": 0.9,
        "rss": {
            "s1-1": process,
            "s2-1": process | {"error_mb_h": None, "within_noise": None},
            "nats": process | {"error_mb_h": 0.1, "within_noise": False, "starts": 3, "restarts": 2},
        },
    }
    for name in ("published_late", "ages", "latencies", "slow"):
        found |= {f"{name}_p50_s": 0.1, f"{name}_p95_s": 0.2}
    what, memory = soak_sheets(found)
    told = dict(what.rows)
    assert (told["drops"], told["neither of both"], told["started anew"]) == ("none", "2 frames", "2 nats")
    assert [row[6] for row in memory.rows] == ["yes", "–", "no"]
    assert "s2-1" in soak_plot(found)

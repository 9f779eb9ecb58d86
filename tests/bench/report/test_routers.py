from __future__ import annotations

from xml.etree import ElementTree

import pytest
from routing_kit import table

from bench.report.html.charts import bars, stacked, standing_alone
from bench.report.routers import cost_curves, misroute_bars, on_front, replayed, router_sheet

TABLE = table([1, 1, 0, 0], [1, 0, 1, 1], c1=1.0, c2=5.0)


def test_the_front_leaves_out_who_pays_more_for_less_and_the_oracle() -> None:
    found = replayed(TABLE, ("force-s1", "force-s2", "both", "oracle"))
    # S2 is right three times out of four, for five times as much; `both` pays for both and says what S2 says.
    assert [item.accuracy.value for item in found] == [0.5, 0.75, 0.75, 1.0]
    assert on_front(found) == [True, True, False, False]


def test_a_policy_is_replayed_once_however_often_it_is_named() -> None:
    assert [item.policy for item in replayed(TABLE, ("rule", "rule"))] == ["rule"]


def test_a_row_tells_misroutes() -> None:
    [one, two] = router_sheet(replayed(TABLE, ("force-s1", "force-s2"))).rows
    assert one[-4:] == ("2", "0", "0", "yes")
    assert two[-4:] == ("0", "1", "1", "yes")


def test_curves_run_from_s1_to_s2_with_the_oracle_above() -> None:
    curves = {curve.label: curve.points for curve in cost_curves(TABLE, replayed(TABLE, ("rule", "oracle")))}
    assert set(curves) == {"random", "oracle", "rule", "Pareto front"}
    assert curves["random"] == [(1.0, 50.0), (5.0, 75.0)]
    assert max(curves["oracle"])[1] == pytest.approx(100.0)
    assert all(accuracy >= 50.0 for _, accuracy in curves["oracle"])


def test_bars_add_up_to_the_questions() -> None:
    for bar in misroute_bars(replayed(TABLE, ("force-s1", "force-s2", "oracle"))):
        assert sum(count for _, _, count in bar.shares) == 4


def test_charts_beneath_each_other_are_one_picture() -> None:
    whole = stacked(bars(misroute_bars(replayed(TABLE, ("rule",)))), bars([]))
    root = ElementTree.fromstring(standing_alone(whole, ".a { fill: red; }"))
    inner = [child for child in root if child.tag.endswith("svg")]
    assert [child.get("y") for child in inner] == ["0", inner[0].get("height")]

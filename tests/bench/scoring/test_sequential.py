from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_kit import answered, dataset, run_folder, sample
from scoring_kit import RULES, chain, judged, line
from typer.testing import CliRunner

from bench.cli.results import app
from bench.data.schema import Sample
from bench.run.config import load_config
from bench.run.lines import ScoredLine
from bench.run.records import Play
from bench.scoring.compare import compare, compare_runs
from bench.scoring.scores import PartScores, Row
from shared.errors import DataError


def _lines(samples: list[Sample], said: dict[str, str]) -> list[ScoredLine]:
    return [line(s.id, raw, turn=turn) for s in samples for turn, raw in enumerate(said.get(s.id, ""))]


def _part(samples: list[Sample], said: dict[str, str]) -> PartScores:
    part = judged(samples, _lines(samples, said)).table.part("sequential")
    assert part is not None
    return part


def _row() -> Row:
    samples = [chain(name, "ABC", video=f"v{name}") for name in "abcd"]
    return _part(samples, {"a": "ABC", "b": "ABD", "c": "DBC", "d": "DDD"}).rows[0]


def test_turn_accuracy_counts_turns_and_chain_exact_whole_chains() -> None:
    row = _row()
    assert row.primary.name == "turn accuracy"
    # a 3 of 3, b 2, c 2, d none.
    assert row.primary.estimate.value == pytest.approx(7 / 12, abs=1e-6)
    exact = row.score("chain-exact")
    assert exact is not None
    assert (exact.estimate.n, exact.estimate.value) == (4, 0.25)


def test_prefix_accuracy_needs_every_turn_so_far() -> None:
    assert {at: told["accuracy"] for at, told in _row().details["prefix"].items()} == {
        "0": 0.5,
        "1": 0.5,
        "2": 0.25,
    }


def test_accuracy_by_position() -> None:
    told = _row().details["by_position"]
    assert [told[at]["accuracy"] for at in "012"] == [0.5, 0.75, 0.5]


def test_recovery_is_the_accuracy_after_an_early_error() -> None:
    details = _row().details
    # c's turns 1 and 2 and d's turns 1 and 2 follow an error; b's last turn follows none.
    assert details["after_an_error"] == {"n": 4, "accuracy": 0.5}
    assert details["after_no_error"] == {"n": 4, "accuracy": 0.75}


def test_a_chain_whose_turns_went_different_ways_is_no_chain_of_one_path() -> None:
    samples = [chain("a", "AB")]
    row = _part(samples, {"a": "A"}).rows[0]
    exact = row.score("chain-exact")
    assert exact is not None
    assert (exact.estimate.n, exact.estimate.value) == (0, None)
    assert row.coverage == 0.5


def test_a_reader_of_earlier_answers_beats_one_who_forgets_them() -> None:
    """Where the later answer repeats the earlier one, only who reads the history can know."""
    golds = ["AA", "BB", "CC", "DD"] * 8
    samples = [chain(f"s{n}", gold, video=f"v{n}") for n, gold in enumerate(golds)]
    part = _part(samples, {})
    values = {b.name: b.primary.estimate.value for b in part.baselines}
    assert values["text-only"] is not None
    assert values["no-history"] is not None
    assert values["text-only"] > values["no-history"] + 0.2


def test_two_runs_are_compared_video_by_video() -> None:
    samples = [chain(f"s{n}", "AB", video=f"v{n}") for n in range(8)]
    oracle = judged(samples, _lines(samples, {s.id: "AB" for s in samples}), RULES)
    own = judged(
        samples, _lines(samples, {s.id: "AB" if n % 2 else "CB" for n, s in enumerate(samples)}), RULES
    )
    (found,) = compare(oracle, own)
    assert (found.part, found.metric, found.n) == ("sequential", "turn accuracy", 16)
    assert (found.first, found.second, found.difference.value) == (1.0, 0.75, 0.25)
    assert found.difference.low is not None
    assert found.difference.low > 0
    # Four of eight videos differ, all one way: 2 of 16 signs are as extreme.
    assert found.p_sign_flip == 0.125
    assert found.p_mcnemar is None
    assert (found.first_only, found.second_only) == (4, 0)


def test_runs_on_other_questions_are_not_compared(tmp_path: Path) -> None:
    config = load_config(None, {"system.route": "force-s1"})
    folders = [
        run_folder(tmp_path / name, dataset(tmp_path, [chain(name, "AB")]), config=config)
        for name in ("a", "b")
    ]
    with pytest.raises(DataError, match="the same data set"):
        compare_runs(*folders)


def test_the_command_prints_what_one_run_has_over_another(tmp_path: Path) -> None:
    config = load_config(None, {"system.route": "force-s1"})
    samples = [sample(f"s{n}", video=f"v{n}.mp4") for n in range(4)]
    runs = []
    for name, said in (("good", "A"), ("bad", "B")):
        records = [answered(item, said, play=Play("r", f"r_{n}_1", n, 1)) for n, item in enumerate(samples)]
        runs.append(run_folder(tmp_path / name, dataset(tmp_path, samples), records, config=config))
    shown = CliRunner().invoke(app, ["compare", *(str(run.path) for run in runs)])
    assert shown.exit_code == 0, shown.output
    assert "+100.0" in shown.output
    told = CliRunner().invoke(app, ["compare", *(str(run.path) for run in runs), "--json"])
    (item,) = json.loads(told.output)
    assert (item["first"], item["second"], item["p_sign_flip"], item["p_mcnemar"]) == (1.0, 0.0, 0.125, 0.125)

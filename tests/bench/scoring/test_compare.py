"""What two runs are compared on: paths, whole systems, and by which rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_kit import answered, dataset, run_folder, sample

from bench.data.schema import AnswerForm, AnswerSpec, Gold, Sample
from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.scoring.compare import compare_runs
from shared.errors import DataError
from shared.messages import Path as Way

SAMPLES = [sample(f"s{n}", video=f"v{n}.mp4") for n in range(4)]


def played(
    where: Path, said: dict[str, tuple[Way, str]], *, route: str, samples: list[Sample] = SAMPLES
) -> RunFolder:
    records = [answered(item, said[item.id][1], path=said[item.id][0]) for item in samples]
    config = load_config(None, {"system.route": route})
    return run_folder(where, dataset(where.parent, samples), records, config=config)


def test_a_run_of_s1_and_one_of_s2_are_compared_as_systems(tmp_path: Path) -> None:
    slow = played(tmp_path / "slow", {item.id: (Way.S2, "A") for item in SAMPLES}, route="force-s2")
    fast = played(tmp_path / "fast", {item.id: (Way.S1, "B") for item in SAMPLES}, route="force-s1")
    [found] = compare_runs(slow, fast)
    assert (found.path, found.n, found.first, found.second) == ("system", 4, 1.0, 0.0)


def test_two_routers_are_compared_on_every_question_wherever_each_sent_it(tmp_path: Path) -> None:
    ways = {item.id: (Way.S2 if n < 2 else Way.S1, "A") for n, item in enumerate(SAMPLES)}
    others = {item.id: (Way.S1, "A" if n < 1 else "B") for n, item in enumerate(SAMPLES)}
    found = {
        one.path: one
        for one in compare_runs(
            played(tmp_path / "one", ways, route="rule"), played(tmp_path / "two", others, route="random")
        )
    }
    assert (found["system"].n, found["system"].first, found["system"].second) == (4, 1.0, 0.25)
    assert found["s1"].n == 2


def test_free_text_is_compared_as_the_runs_are_scored(tmp_path: Path) -> None:
    spec = AnswerSpec(form=AnswerForm.TEXT, gold=(Gold(text="red car"),))
    item = SAMPLES[0].model_copy(update={"turns": (SAMPLES[0].turns[0].model_copy(update={"answer": spec}),)})
    runs = []
    for name, matcher in (("a", "exact"), ("b", "exact"), ("c", "normalised")):
        config = load_config(None, {"system.route": "force-s1", "scoring.text": matcher})
        record = answered(item, "the red car.")
        runs.append(run_folder(tmp_path / name, dataset(tmp_path, [item]), [record], config=config))
    [found] = compare_runs(*runs[:2])
    assert found.first == 0.0
    [found] = compare_runs(runs[2], runs[2])
    assert found.first == 1.0
    with pytest.raises(DataError, match=r"scoring\.text 'exact'.*'normalised': compare runs that agree"):
        compare_runs(runs[0], runs[2])

"""Playing a ladder: interrupted it goes on, and played again it plays nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny_llava

from bench.cli.laddering import play_ladder
from bench.data.synth import Recipe, build
from bench.memory import Condition, climb
from bench.memory.ladder import chosen
from bench.run.config import RunConfig, load_config
from bench.run.driver import Prepared
from bench.run.listener import Listener, Silent
from bench.run.stop import Stop

NAMES = ("none", "wrong-video")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    folder = tmp_path_factory.mktemp("small")
    model = str(tiny_llava.save(folder / "model"))
    recipe = Recipe(seed=5, videos=2, parts=("realtime", "reasoning"), per_video=1, duration_s=(16.0, 20.0))
    settings = {"dataset.path": str(build(folder / "data", recipe).path), "stream.mode": "offline"}
    return load_config(None, {**settings, "model.s1.path": model, "model.s2.path": model})


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name / "records.jsonl").read_bytes() for name in NAMES}


def test_an_interrupted_ladder_goes_on_and_a_complete_one_plays_nothing(
    base: RunConfig, tmp_path: Path
) -> None:
    stop, began = Stop(), list[str]()

    @contextmanager
    def watch(condition: Condition, prepared: Prepared) -> Iterator[Listener]:
        began.append(condition.name)
        yield Silent()
        stop.set()

    conditions = chosen(NAMES)
    assert list(climb(base, tmp_path, conditions=conditions, watch=watch, stop=stop)) == ["none"]
    assert not (tmp_path / "wrong-video").exists()
    stop = Stop()
    assert tuple(climb(base, tmp_path, conditions=conditions, watch=watch, stop=stop)) == NAMES
    assert tuple(began) == NAMES
    before = contents(tmp_path)
    assert tuple(climb(base, tmp_path, conditions=conditions, watch=watch)) == NAMES
    assert contents(tmp_path) == before
    assert tuple(began) == NAMES


def test_the_command_plays_measures_and_prints(
    base: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import yaml

    config = tmp_path / "my.yaml"
    config.write_text(yaml.safe_dump(base.model_dump(mode="json")))
    out = tmp_path / "ladder"
    assert play_ladder(str(config), {}, out=str(out), only=["wrong-video"], as_json=False)
    printed = capsys.readouterr()
    assert "wrong-video" in printed.out
    assert "too few for intervals" in " ".join(printed.out.split())
    assert "[" not in printed.out.partition("Answers of S2")[0]
    assert "Not played: short, long, both, oracle, shuffled, random-weights, last-frames." in printed.out
    assert "condition 2 of 2, wrong-video" in printed.err
    assert sorted(path.name for path in out.glob("ladder.*")) == ["ladder.csv", "ladder.json", "ladder.md"]

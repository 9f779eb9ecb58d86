from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import bench.data.synth as synth
from bench.data import Dataset, to_questions
from bench.data.schema import Part
from bench.run.config import load_config
from bench.scoring.base import Rules, gold_at
from bench.scoring.items import items_of
from bench.scoring.reasoning import EvidenceIn, Reasoning
from shared.errors import ConfigError

RULES = Rules(profile=load_config(None).profile())
SMALL = synth.Recipe(videos=2, per_video=3, duration_s=(40, 45))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return synth.build(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return synth.build(tmp_path_factory.mktemp("demo"), synth.DEMO)


def test_a_set_is_the_same_wherever_it_is_made(small: Dataset, tmp_path: Path) -> None:
    again = synth.build(tmp_path, SMALL)
    assert again.hash == small.hash
    for sample in small.samples:
        assert Path(again.uri(sample)).read_bytes() == Path(small.uri(sample)).read_bytes()


def test_a_made_set_is_not_made_twice(small: Dataset) -> None:
    told: list[int] = []
    again = synth.build(small.path.parent, SMALL, progress=lambda done, of: told.append(done))
    assert again.samples == small.samples
    assert told == []


def test_a_changed_recipe_a_cut_file_or_changed_code_makes_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def build(recipe: synth.Recipe) -> Dataset:
        made.clear()
        return synth.build(tmp_path, recipe, progress=lambda done, of: made.append(done))

    one = SMALL._replace(videos=1)
    first = build(one)
    assert build(one._replace(per_video=2)).hash != first.hash
    assert made
    data = build(one)
    Path(data.uri(data.samples[0])).write_bytes(b"cut")
    assert build(one).hash == first.hash
    assert made
    monkeypatch.setattr(synth, "_code_hash", lambda: "another")
    build(one)
    assert made


def test_gold_holds_at_every_ask_time_and_is_an_option(demo: Dataset) -> None:
    for item in items_of(demo.samples, RULES):
        if item.options and item.part is not Part.CLUE:
            gold = gold_at(item, item.t_ask)
            assert gold is not None
            assert gold.value in {option.key for option in item.options}


def test_the_demo_set_is_what_the_demo_needs(demo: Dataset) -> None:
    parts = Counter(sample.part for sample in demo.samples)
    lengths = sorted({(s.streams[0].duration_s or 0, s.video) for s in demo.samples})
    assert 80 <= len(demo.samples) <= 100
    assert min(parts[Part.REALTIME], parts[Part.REASONING]) >= 35
    assert [length >= 100 for length, _ in lengths].count(True) == 1
    assert len(lengths) == 9


def test_some_evidence_of_the_demo_can_be_reached_by_memory_only_and_none_by_s1(demo: Dataset) -> None:
    items = [item for item in items_of(demo.samples, RULES) if item.part is Part.REASONING]
    where = Counter(Reasoning().slice_of(item, RULES) for item in items)
    assert where[EvidenceIn.MEMORY] >= 10
    assert where[EvidenceIn.S2_WINDOW] >= 10
    assert where[EvidenceIn.S1_WINDOW] == 0


def test_every_question_can_be_asked(demo: Dataset) -> None:
    keys = [asked.key for sample in demo.samples for asked in to_questions(sample, "r_0_1")]
    assert len(set(keys)) == len(demo.samples)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (SMALL._replace(split="tset"), "split 'tset'"),
        (SMALL._replace(parts=("clue",)), "part 'clue'"),
        (SMALL._replace(videos=0), "at least 1"),
        (SMALL._replace(duration_s=(60, 45)), "the shorter first"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_in_one_line(
    tmp_path: Path, recipe: synth.Recipe, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        synth.build(tmp_path, recipe)


def test_a_foreign_data_set_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text("[]")
    with pytest.raises(ConfigError, match="choose another folder"):
        synth.build(tmp_path, SMALL)
    assert (tmp_path / "all.json").read_text() == "[]"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be written"):
        synth.build(tmp_path / "file" / "set", SMALL)

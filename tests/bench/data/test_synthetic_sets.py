from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import bench.data.synth as synth
from bench.data import Dataset, to_questions
from bench.data.checks import check_sample
from bench.data.lint import Linter
from bench.data.schema import AnswerForm, Part, Sample, Stream
from bench.data.synth_samples import samples_of
from bench.run.config import load_config
from bench.scoring.base import Rules
from bench.scoring.items import items_of
from bench.scoring.reasoning import EvidenceIn, Reasoning
from shared.errors import ConfigError
from shared.video.synth import LEVELS, script

RULES = Rules(profile=load_config(None).profile())
SMALL = synth.Recipe(videos=2, per_video=3, duration_s=(20, 25))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return synth.build(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="module")
def demo() -> list[Sample]:
    """The demo's samples, without its videos."""
    recipe, samples = synth.DEMO, list[Sample]()
    for scene in synth.scenes_of(recipe):
        stream = Stream(uri=f"{scene.seed}.mp4", duration_s=scene.duration_s)
        samples += samples_of(scene, stream, numbers=recipe.numbers(), split=recipe.split, seed=recipe.seed)
    return samples


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


def test_gold_holds_at_every_ask_time_and_has_the_form_that_is_asked_for(demo: list[Sample]) -> None:
    for sample in demo:
        for turn in sample.turns:
            keys = {option.key for option in turn.answer.options}
            for t in turn.asks:
                gold = turn.answer.gold_at(t)
                assert gold is not None
                if turn.answer.form is AnswerForm.MCQ:
                    assert gold.value in keys
                elif turn.answer.form is AnswerForm.SUFFICIENCY:
                    assert (gold.value, gold.text) == ("WAIT", "") or (
                        gold.value == "READY" and gold.text in keys
                    )
                elif turn.answer.form is AnswerForm.COUNT:
                    assert type(gold.value) is int
                else:
                    assert type(gold.value) is bool


def test_the_demo_set_is_what_the_demo_needs(demo: list[Sample]) -> None:
    parts = Counter(sample.part for sample in demo)
    lengths = sorted({(s.streams[0].duration_s or 0, s.video) for s in demo})
    assert 220 <= len(demo) <= 250
    assert set(parts) == set(Part)
    assert parts[Part.PROACTIVE] >= 18
    assert parts[Part.REASONING] >= 100
    assert min(n for part, n in parts.items() if part is not Part.PROACTIVE) >= 32
    assert [length >= 100 for length, _ in lengths].count(True) == 1
    assert len(lengths) == 9


def test_no_sample_of_the_demo_contradicts_itself(demo: list[Sample]) -> None:
    linter = Linter()
    found = [finding for sample in demo for finding in check_sample(sample, linter)]
    assert found == []


def test_a_chain_names_the_answer_to_its_first_turn_by_a_slot(demo: list[Sample]) -> None:
    chains = [sample for sample in demo if sample.part is Part.SEQUENTIAL]
    assert {len(chain.turns) for chain in chains} <= {3, 4}
    for chain in chains:
        assert "##ANSWER##" not in chain.turns[0].question
        for turn in chain.turns[1:]:
            assert turn.question.count("##ANSWER##") == 1
            assert [(link.turn, link.mode, link.slot) for link in turn.depends_on] == [
                (0, "slot", "##ANSWER##")
            ]
        asks = [turn.ask_s for turn in chain.turns]
        assert asks == sorted(set(asks))


def test_some_evidence_of_the_demo_can_be_reached_by_memory_only_and_none_by_s1(demo: list[Sample]) -> None:
    items = [item for item in items_of(demo, RULES) if item.part is Part.REASONING]
    where = Counter(Reasoning().slice_of(item, RULES) for item in items)
    assert where[EvidenceIn.MEMORY] >= 10
    assert where[EvidenceIn.S2_WINDOW] >= 10
    assert where[EvidenceIn.S1_WINDOW] == 0


def test_every_question_can_be_asked(demo: list[Sample]) -> None:
    asked = [asked.key for sample in demo for asked in to_questions(sample, "r_0_1")]
    due = sum(len(turn.asks) for sample in demo for turn in sample.turns)
    assert len(set(asked)) == len(asked) == due


@pytest.mark.parametrize("level", LEVELS)
def test_two_hours_have_questions_of_every_part(level: int) -> None:
    scene = script(9, duration_s=7200, level=level)
    stream = Stream(uri="long.mp4", duration_s=7200.0)
    made = samples_of(scene, stream, numbers=dict.fromkeys(Part, 6), split="test", seed=0)
    assert Counter(sample.part for sample in made) == dict.fromkeys(Part, 6)
    assert max(turn.ask_s for sample in made for turn in sample.turns) > 3600


def test_every_sample_has_a_name_of_its_own(demo: list[Sample]) -> None:
    assert len({sample.id for sample in demo}) == len(demo)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (SMALL._replace(split="tset"), "split 'tset'"),
        (SMALL._replace(parts=("clu",)), "part 'clu'"),
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

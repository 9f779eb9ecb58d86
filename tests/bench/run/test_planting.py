"""Notes that the bench plants: the oracle's and the controls', from a synthetic stream and a real small model."""

from __future__ import annotations

import pytest

from bench.data import AskedQuestion
from bench.data.synth import Recipe, build
from bench.run.config import RunConfig, load_config
from bench.run.plan import Play, opened, plan, questions
from bench.run.planting import planter
from shared.errors import ConfigError
from shared.messages import Note, Open


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> list[Play]:
    recipe = Recipe(seed=77, videos=2, parts=("reasoning",), per_video=2, duration_s=(24.0, 30.0))
    return plan(build(tmp_path_factory.mktemp("planted") / "data", recipe))


def config(source: str) -> RunConfig:
    return load_config(None, {"memory.source": source})


def planted(source: str, plays: list[Play], number: int = 0) -> tuple[Open, list[AskedQuestion], list[Note]]:
    run, play = config(source), plays[number]
    request = opened(play, run="r", attempt=1, profile=run.profile())
    items = questions(play, request.opening)
    found = planter(run, plays)
    assert found is not None
    return request, items, found.notes(request, play, items)


def texts(notes: list[Note], scope: str | None = None) -> list[str]:
    return [note.text for note in notes if scope is None or note.scope == scope]


def test_where_s1_writes_nothing_is_planted(plays: list[Play]) -> None:
    assert planter(config("s1"), plays) is None
    assert planter(load_config(None, {"memory.source": "oracle", "memory.mode": "none"}), plays) is None


def test_where_the_bench_plants_s1_writes_nothing() -> None:
    profile = config("wrong-video").profile()
    assert not profile.notes.enabled
    assert profile.recall.reads
    assert profile.recall.about == "stream"
    assert config("oracle").profile().recall.about == "question"


def test_the_oracle_plants_notes_of_the_evidence_for_its_question_alone(plays: list[Play]) -> None:
    request, items, notes = planted("oracle", plays)
    by_id = {sample.id: sample for sample in plays[0].samples}
    assert {note.scope for note in notes} == {item.key for item in items}
    for item in items:
        spans = [e.span for e in by_id[item.sample].turns[item.turn].evidence]
        mine = [note for note in notes if note.scope == item.key]
        assert mine
        assert all(any(s.from_s <= note.t_end < s.to_s for s in spans) for note in mine)
        assert all(note.opening == request.opening and note.t_end <= item.ask_s for note in mine)


def test_another_videos_notes_stand_at_their_own_times(plays: list[Play]) -> None:
    own, wrong = planted("wrong-video", plays, 0)[2], planted("wrong-video", plays, 1)[2]
    assert {note.opening for note in own} == {"r_0_1"}
    assert {note.scope for note in own} == {"perception"}
    assert texts(own) != texts(wrong)
    assert [note.t_end for note in own] == [5.0 * n for n in range(len(own))]


def test_a_wrong_video_takes_two(plays: list[Play]) -> None:
    with pytest.raises(ConfigError, match="takes two"):
        planted("wrong-video", plays[:1])


def test_shuffled_notes_are_those_up_to_the_ask_at_other_times(plays: list[Play]) -> None:
    # The notes of play 1, planted for play 0, are those of the wrong video.
    true = planted("wrong-video", plays, 1)[2]
    _, items, notes = planted("shuffled", plays, 0)
    for item in items:
        mine = [note for note in notes if note.scope == item.key]
        past = [note for note in true if note.t_end <= item.ask_s]
        assert [note.t_end for note in mine] == [note.t_end for note in past]
        assert sorted(texts(mine)) == sorted(texts(past))
    assert any(texts(notes, item.key) != texts(true)[: len(texts(notes, item.key))] for item in items)
    assert notes == planted("shuffled", plays, 0)[2]


def test_an_untrained_writer_says_other_things_at_the_same_times(plays: list[Play]) -> None:
    true, untrained = planted("wrong-video", plays, 1)[2], planted("random-weights", plays, 0)[2]
    assert [note.t_end for note in untrained] == [note.t_end for note in true]
    assert not set(texts(untrained)) & set(texts(true))

from __future__ import annotations

from pathlib import Path

from bench_kit import dataset, sample
from hypothesis import given
from hypothesis import strategies as st

from bench.data.schema import Part
from bench.run.offline import due_frames
from bench.run.plan import moments, opened, owed, plan, questions
from shared.messages import Profile
from shared.perception import tick_of
from shared.video import Frame


def test_questions_about_one_video_share_its_play(tmp_path: Path) -> None:
    data = dataset(tmp_path, [sample("a"), sample("b", video="v1.mp4"), sample("c", ask_s=3.5)])
    plays = plan(data)
    assert [[item.id for item in play.samples] for play in plays] == [["a", "c"], ["b"]]
    assert plays[0].uri == str(tmp_path / "v0.mp4")
    assert [item.sample for item in questions(plays[0], "x")] == ["c", "a"]


def test_questions_of_one_ask_time_are_asked_together(tmp_path: Path) -> None:
    [play] = plan(dataset(tmp_path, [sample("a"), sample("b"), sample("c", ask_s=3.5)]))
    found = [(moment.t, len(moment.steps)) for moment in moments(questions(play, "x"))]
    assert found == [(3.5, 1), (10.5, 2)]


def test_both_owes_two_finals_a_question_and_rule_one(tmp_path: Path) -> None:
    plays = plan(dataset(tmp_path, [sample("a"), sample("b", part=Part.REASONING)]))
    assert (owed(plays, "both"), owed(plays, "rule")) == (4, 2)


def test_an_opening_is_named_for_run_play_and_attempt(tmp_path: Path) -> None:
    [play] = plan(dataset(tmp_path, [sample("a")]))
    assert opened(play, run="r1", attempt=2, profile=Profile()).opening == "r1_0_2"


@given(
    st.lists(st.integers(0, 400), unique=True, min_size=1, max_size=40),
    st.integers(1, 50),
    st.integers(0, 450),
)
def test_the_definition_of_due_notes_agrees_with_the_rule_by_which_s1_writes(
    tenths: list[int], every: int, ask: int
) -> None:
    every_s, t_ask = every / 10, ask / 10
    past = [Frame(i, t / 10, b"") for i, t in enumerate(sorted(tenths)) if t / 10 <= t_ask]
    last: dict[int, Frame] = {}
    for frame in past:
        if (tick := tick_of(frame.t, every_s)) * every_s <= t_ask:
            last[tick] = frame
    assert due_frames(past, every_s, t_ask) == sorted(last.items())

"""What S2 asks of memory, what it believes, and which frames notes lead to."""

from __future__ import annotations

from typing import Any

import pytest

from shared.messages import (
    Hit,
    Note,
    NoteSpec,
    Profile,
    Question,
    RecallMode,
    RecallSpec,
    Search,
    SearchReply,
)
from shared.perception import nonsense, pointed, search_for
from shared.perception.recalling import in_prompt_order


def question(**fields: Any) -> Question:
    return Question(
        **{"opening": "one", "key": "k1", "sample": "s", "t_ask": 50.0, "text": "Where?", **fields}
    )


def hit(t: float, score: float | None = 0.5, **fields: Any) -> Hit:
    told = Note(
        **{"opening": "one", "run": "r", "seq": int(t), "t_start": t, "t_end": t, "text": "x", **fields}
    )
    return Hit(id=f"id-{t:05.1f}", score=score, note=told)


def search(recall: RecallSpec = RecallSpec(), **fields: Any) -> Search:  # noqa: B008
    made = search_for(question(**fields), recall)
    assert made is not None
    return made


@pytest.mark.parametrize(("mode", "found", "newest"), [("short", 0, 4), ("long", 3, 0), ("both", 3, 4)])
def test_the_mode_says_what_is_searched_and_what_is_read(mode: str, found: int, newest: int) -> None:
    asked = search(RecallSpec(mode=RecallMode(mode), k=3, recent=4))
    assert (asked.k, asked.recent) == (found, newest)


@pytest.mark.parametrize("recall", [RecallSpec(enabled=False), RecallSpec(mode=RecallMode.NONE)])
def test_without_memory_nothing_is_asked(recall: RecallSpec) -> None:
    assert search_for(question(), recall) is None


def test_nothing_later_than_the_ask_is_asked_for_nor_before_the_view() -> None:
    assert (search().t_min, search().t_max) == (0.0, 50.0)
    assert search(view_from=20.0).t_min == 20.0
    assert search(RecallSpec(back_s=10.0)).t_min == 40.0
    assert search(RecallSpec(back_s=10.0), view_from=45.0).t_min == 45.0
    assert search(RecallSpec(back_s=80.0)).t_min == 0.0


def test_planted_notes_are_asked_for_by_the_question_itself() -> None:
    assert search().scope == "perception"
    assert search(RecallSpec(about="question")).scope == "k1"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ([hit(10.0)], ""),
        ([hit(50.0)], ""),
        ([hit(50.1)], "may be known"),
        ([hit(10.0, opening="two")], "a note of two"),
        ([hit(10.0, scope="other")], "one/other"),
        ([hit(10.0, t_end=9.0)], "may be known"),
        ([hit(float(t)) for t in range(7)], "7 notes where 6"),
    ],
)
def test_a_reply_that_memory_can_not_have_meant_is_told(reply: list[Hit], why: str) -> None:
    found = nonsense(search(), SearchReply(hits=tuple(reply)))
    assert bool(found) == bool(why)
    assert why in found


def test_notes_stand_by_time_or_as_they_were_found() -> None:
    hits = [hit(20.0), hit(5.0), hit(30.0, score=None)]
    assert [h.note.t_end for h in in_prompt_order(hits, RecallSpec())] == [5.0, 20.0, 30.0]
    assert in_prompt_order(hits, RecallSpec(order="similarity")) == hits


INDEX = [(i, float(i)) for i in range(60)]


def test_a_note_leads_to_the_last_frame_up_to_its_end() -> None:
    recall = RecallSpec(frames=3)
    assert pointed([hit(7.5), hit(3.0)], INDEX, question(), recall, seen=()) == [7, 3]


def test_frames_that_are_seen_already_or_named_twice_take_no_place() -> None:
    hits = [hit(40.0), hit(7.5), hit(7.0), hit(3.0), hit(2.0)]
    assert pointed(hits, INDEX, question(), RecallSpec(frames=2), seen={40}) == [7, 3]


def test_no_frame_is_of_the_future_out_of_view_or_older_than_the_log_keeps() -> None:
    every = [hit(float(t)) for t in range(60)]
    found = pointed(every, INDEX, question(t_ask=30.0), RecallSpec(frames=64, frames_kept=10), seen=())
    assert found == list(range(20, 31))
    found = pointed(every, INDEX, question(t_ask=30.0, view_from=28.0), RecallSpec(frames=64), seen=())
    assert found == [28, 29, 30]


def test_by_default_notes_lead_nowhere() -> None:
    assert pointed([hit(7.0)], INDEX, question(), RecallSpec(), seen=()) == []


def test_the_log_keeps_what_notes_point_to_and_what_a_successor_of_the_writer_needs() -> None:
    plain = Profile()
    assert plain.retain == plain.reach == plain.s2.reach
    pointing = Profile(recall=RecallSpec(frames=2, frames_kept=300))
    assert (pointing.retain, pointing.reach) == (300, plain.reach)
    assert Profile(recall=RecallSpec(frames=2, frames_kept=300, mode=RecallMode.NONE)).retain == plain.reach
    changing = Profile(notes=NoteSpec(writer="on_change", every_s=60.0))
    assert changing.retain == changing.reach == 121

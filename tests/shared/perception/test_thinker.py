from __future__ import annotations

import pytest
import tiny_llava
from perception_kit import said

from shared.errors import ModelError
from shared.messages import Form, Hit, Note, Option, Question, Standing, WindowSpec
from shared.perception import Thinker, encode_frames, respond, warm_up
from shared.video import Frame, encode_jpeg
from shared.vlm.engine import LocalVlm

FRAMES = [Frame(i, i / 2, encode_jpeg(image, quality=90)) for i, image in enumerate(tiny_llava.images(12))]
OPTIONS = tuple(Option(key=key, text=f"number {key}") for key in "ABCD")


def question(t_ask: float, **other: object) -> Question:
    fields = {"opening": "r_0_0", "key": "k", "sample": "s", "text": "What was it?", "options": OPTIONS}
    return Question.model_validate(fields | {"t_ask": t_ask} | other)


def hit(t: float, *, id: str, score: float = 0.5) -> Hit:
    note = Note(opening="r_0_0", run="r", seq=int(t), t_start=t, t_end=t, text=f"saw {id}")
    return Hit(id=id, score=score, note=note)


def test_the_window_is_that_of_the_newest_frame_at_the_ask(vlm: LocalVlm) -> None:
    index = [(frame.index, frame.t) for frame in FRAMES]
    spec = WindowSpec(frames=3, stride=2, hop=1)
    assert Thinker(vlm).needed(index, 4.2, spec) == [4, 6, 8]
    assert Thinker(vlm).needed(index, -1.0, spec) == []
    assert Thinker(vlm).needed([], 4.2, spec) == []


def test_frames_that_the_log_lost_are_still_named(vlm: LocalVlm) -> None:
    index = [(frame.index, frame.t) for frame in FRAMES[6:]]
    assert Thinker(vlm).needed(index, 4.2, WindowSpec(frames=3, stride=2, hop=1)) == [4, 6, 8]


def test_it_answers_as_a_stateless_pass_with_notes_in_time_order(vlm: LocalVlm) -> None:
    hits = [hit(3.0, id="c", score=0.9), hit(1.0, id="b"), hit(1.0, id="a", score=0.1)]
    notes = [hits[2].note, hits[1].note, hits[0].note]
    draft = Thinker(vlm).answer(question(5.5), FRAMES[2:5], hits)
    assert said(draft) == said(respond(vlm, encode_frames(vlm, FRAMES[2:5]), question(5.5), notes=notes))
    assert draft.usage.frames_encoded == 3
    assert draft.notes == tuple(notes)


def test_nothing_later_than_the_ask_is_used(vlm: LocalVlm) -> None:
    thinker = Thinker(vlm)
    draft = thinker.answer(question(2.0), FRAMES, [hit(2.0, id="a"), hit(2.5, id="b")])
    assert max(draft.frames_ts) == 2.0
    assert [note.t_end for note in draft.notes] == [2.0]
    assert said(draft) == said(Thinker(vlm).answer(question(2.0), FRAMES[:5], [hit(2.0, id="a")]))


def test_later_questions_reuse_frames_and_the_answer_stays_the_same(vlm: LocalVlm) -> None:
    warm = Thinker(vlm)
    warm.answer(question(5.5), FRAMES[:4], [])
    again = warm.answer(question(5.5, text="And then?"), FRAMES[2:6], [])
    cold = Thinker(vlm).answer(question(5.5, text="And then?"), FRAMES[2:6], [])
    assert (again.usage.frames_encoded, again.usage.frames_reused) == (2, 2)
    assert (cold.usage.frames_encoded, cold.usage.frames_reused) == (4, 0)
    assert said(again) == said(cold)


def test_frames_of_another_opening_are_not_taken_for_these(vlm: LocalVlm) -> None:
    thinker = Thinker(vlm)
    first = thinker.answer(question(5.5), FRAMES[:3], [])
    swapped = [frame._replace(jpeg=FRAMES[frame.index + 5].jpeg) for frame in FRAMES[:3]]
    second = thinker.answer(question(5.5, opening="r_1_0"), swapped, [])
    assert second.usage.frames_reused == 0
    assert first.probs != second.probs


def test_the_cache_is_bounded(vlm: LocalVlm) -> None:
    thinker = Thinker(vlm, max_units=3)
    thinker.answer(question(5.5), FRAMES[:8], [])
    assert thinker.answer(question(5.5), FRAMES[:8], []).usage.frames_encoded == 8
    assert thinker.answer(question(5.5), FRAMES[5:8], []).usage.frames_encoded == 0


def test_a_choice_comes_with_rounded_probabilities_and_what_it_cost(vlm: LocalVlm) -> None:
    draft = Thinker(vlm).answer(question(5.5), FRAMES[:3], [])
    assert draft.raw == draft.choice
    assert draft.choice == max(draft.probs, key=draft.probs.__getitem__)
    assert draft.confidence == draft.probs[draft.choice]
    assert all(p == round(p, 4) for p in draft.probs.values())
    assert sum(draft.probs.values()) == pytest.approx(1, abs=1e-3)
    assert (draft.usage.visual_tokens, draft.usage.output_tokens) == (48, 1)
    assert draft.usage.prompt_tokens > 48


@pytest.mark.parametrize("form", [Form.TEXT, Form.COUNT, Form.EMIT])
def test_forms_without_labels_are_answered_in_free_text(vlm: LocalVlm, form: Form) -> None:
    draft = Thinker(vlm).answer(question(5.5, form=form), FRAMES[:3], [])
    assert (draft.choice, draft.confidence, draft.probs) == (None, None, {})
    assert draft.usage.output_tokens > 0


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        (question(5.5, form=Form.YES_NO), ["yes", "no"]),
        (question(5.5, form=Form.SUFFICIENCY), ["A", "B", "C", "D", "wait"]),
        (question(5.5, form=Form.ALERT, standing=Standing(kind="speak", until_s=9)), ["yes", "no"]),
    ],
)
def test_forms_with_labels_are_chosen_among_them(vlm: LocalVlm, asked: Question, labels: list[str]) -> None:
    draft = Thinker(vlm).answer(asked, FRAMES[:3], [])
    assert sorted(draft.probs) == sorted(labels)
    assert draft.raw in labels


def test_a_choice_without_options_is_an_error_of_one_line(vlm: LocalVlm) -> None:
    with pytest.raises(ModelError, match="multiple choice without options"):
        Thinker(vlm).answer(question(5.5, options=()), FRAMES[:3], [])


def test_warming_up_changes_no_answer(vlm: LocalVlm) -> None:
    before = said(Thinker(vlm).answer(question(5.5), FRAMES[:3], []))
    warm_up(vlm)
    assert said(Thinker(vlm).answer(question(5.5), FRAMES[:3], [])) == before

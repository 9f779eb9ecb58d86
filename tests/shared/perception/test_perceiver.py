from __future__ import annotations

import pytest
import tiny_llava
from perception_kit import said

from shared.errors import VideoError
from shared.messages import Draft, Form, NoteSpec, Option, Profile, Question, WindowSpec
from shared.perception import Perceiver, encode_frames, respond, window
from shared.perception.keeping import reuse_of
from shared.video import Frame, encode_jpeg
from shared.vlm.engine import LocalVlm

PROFILE = Profile(s1=WindowSpec(frames=4, hop=2), notes=NoteSpec(enabled=False))
FRAMES = [Frame(i, float(i), encode_jpeg(image, quality=90)) for i, image in enumerate(tiny_llava.images(30))]
OPTIONS = tuple(Option(key=key, text=f"number {key}") for key in "ABCD")


def question(t_ask: float, *, form: Form = Form.MCQ, text: str = "What is it now?") -> Question:
    options = OPTIONS if form is Form.MCQ else ()
    return Question(opening="r_0_0", key="k", sample="s", t_ask=t_ask, text=text, form=form, options=options)


def fed(vlm: LocalVlm, frames: list[Frame], profile: Profile = PROFILE) -> Perceiver:
    worker = Perceiver(vlm, profile, opening="r_0_0", run="r")
    for frame in frames:
        worker.push(frame)
    return worker


def stateless(vlm: LocalVlm, t_ask: float, profile: Profile = PROFILE, *, form: Form = Form.MCQ) -> Draft:
    seen = window(max(frame.index for frame in FRAMES if frame.t <= t_ask), profile.s1)
    units = encode_frames(vlm, [FRAMES[i] for i in seen])
    vlm.forget("stateless")
    reuse = reuse_of(profile.cache, "stateless", profile.s1)
    return said(respond(vlm, units, question(t_ask, form=form), reuse=reuse))


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("t_ask", [0.0, 0.5, 3.0, 11.5, 20.0])
def test_it_answers_as_a_stateless_pass_over_the_same_frames(vlm: LocalVlm, t_ask: float, form: Form) -> None:
    worker = fed(vlm, [frame for frame in FRAMES if frame.t <= t_ask])
    assert said(worker.answer(question(t_ask, form=form))) == stateless(vlm, t_ask, form=form)


def test_a_strided_window_is_answered_alike(vlm: LocalVlm) -> None:
    profile = Profile(s1=WindowSpec(frames=3, stride=5, hop=1), notes=NoteSpec(enabled=False))
    draft = fed(vlm, FRAMES, profile).answer(question(29.5))
    assert said(draft) == stateless(vlm, 29.5, profile)
    assert draft.frames_idx == (15, 20, 25)


def test_a_question_about_a_little_earlier_sees_nothing_later(vlm: LocalVlm) -> None:
    worker = fed(vlm, FRAMES[:20])
    for t_ask in (19.0, 18.99, 17.5, 16.0):
        draft = worker.answer(question(t_ask))
        assert max(draft.frames_ts) <= t_ask
        assert said(draft) == stateless(vlm, t_ask)


def test_a_question_from_before_the_first_frame_sees_none(vlm: LocalVlm) -> None:
    late = [frame._replace(t=frame.t + 5.0) for frame in FRAMES[:3]]
    draft = fed(vlm, late).answer(question(4.0))
    assert (draft.frames_idx, draft.partial, draft.choice in set("ABCD")) == ((), "", True)


def test_before_any_frame_there_is_an_answer_without_evidence(vlm: LocalVlm) -> None:
    draft = fed(vlm, []).answer(question(4.0))
    assert (draft.frames_idx, draft.partial) == ((), "")


def test_each_frame_is_encoded_once_however_often_it_is_asked_about(
    vlm: LocalVlm, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    tower = vlm.adapter.encode
    monkeypatch.setattr(vlm.adapter, "encode", lambda f, t, index: calls.append(index) or tower(f, t, index))
    worker = Perceiver(
        vlm, PROFILE.model_copy(update={"notes": NoteSpec(every_s=2.0)}), opening="r_0_0", run="r"
    )
    for frame in FRAMES[:12]:
        worker.push(frame)
        worker.advance(frame.t)
        worker.answer(question(frame.t))
        worker.answer(question(frame.t, text="And what else?"))
    assert calls == list(range(12))
    assert worker.encoded == 12


def test_what_it_holds_is_bounded_by_the_window_and_its_reach(vlm: LocalVlm) -> None:
    worker = Perceiver(vlm, PROFILE, opening="r_0_0", run="r")
    for frame in FRAMES:
        worker.push(frame)
        assert len(worker._frames) <= PROFILE.s1.frames * PROFILE.s1.stride + PROFILE.s1.reach


def test_a_frame_seen_already_changes_nothing(vlm: LocalVlm) -> None:
    worker = fed(vlm, FRAMES[:9])
    before = worker.answer(question(8.0))
    assert [note for frame in FRAMES[4:9] for note in worker.push(frame)] == []
    assert (worker.encoded, worker.newest_index, worker.newest_t) == (9, 8, 8.0)
    assert said(worker.answer(question(8.0))) == said(before)


@pytest.mark.parametrize("start", [5, 10, 14])
def test_a_successor_answers_as_its_predecessor_once_its_window_is_full(vlm: LocalVlm, start: int) -> None:
    first, second = fed(vlm, FRAMES[:start]), fed(vlm, FRAMES[start : start + 1])
    for frame in FRAMES[start:25]:
        first.push(frame)
        second.push(frame)
        seen = second.answer(question(frame.t))
        if window(frame.index, PROFILE.s1)[0] >= start:
            assert said(seen) == said(first.answer(question(frame.t)))
        else:
            assert seen.partial == "log_truncated"
            assert min(seen.frames_idx) == start


def test_a_window_with_dropped_frames_says_so(vlm: LocalVlm) -> None:
    draft = fed(vlm, [frame for frame in FRAMES[:12] if frame.index != 10]).answer(question(11.0))
    assert (draft.partial, draft.frames_idx) == ("frames_dropped", (8, 9, 11))


def test_a_question_asked_too_late_says_that_its_frames_are_gone(vlm: LocalVlm) -> None:
    worker = fed(vlm, FRAMES)
    assert worker.answer(question(3.0)).partial == "evicted"
    part = next(d for d in (worker.answer(question(t)) for t in range(30)) if d.frames_idx)
    assert part.partial == "evicted"
    assert worker.answer(question(29.0)).partial == ""


def test_a_successor_asked_about_before_its_log_says_so(vlm: LocalVlm) -> None:
    assert fed(vlm, FRAMES[10:14]).answer(question(4.0)).partial == "log_truncated"


def test_a_frame_that_is_no_picture_is_refused_and_not_taken(vlm: LocalVlm) -> None:
    worker = fed(vlm, FRAMES[:3])
    with pytest.raises(VideoError):
        worker.push(Frame(3, 3.0, b"no picture"))
    assert worker.newest_index == 2
    worker.push(FRAMES[3])
    assert said(worker.answer(question(3.0))) == stateless(vlm, 3.0)


def test_openings_on_one_model_do_not_disturb_each_other(vlm: LocalVlm) -> None:
    other = [
        Frame(i, float(i), encode_jpeg(image, quality=90))
        for i, image in enumerate(tiny_llava.images(10, seed=5))
    ]
    alone = [said(fed(vlm, frames).answer(question(9.0))) for frames in (FRAMES[:10], other)]
    one, two = (Perceiver(vlm, PROFILE, opening=name, run="r") for name in ("r_0_0", "r_1_0"))
    for a, b in zip(FRAMES[:10], other, strict=True):
        one.push(a)
        two.push(b)
        two.answer(question(b.t))
    assert [said(one.answer(question(9.0))), said(two.answer(question(9.0)))] == alone
    assert alone[0].probs != alone[1].probs

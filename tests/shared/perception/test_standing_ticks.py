from __future__ import annotations

import perception_kit
import pytest
import tiny_llava
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DataError
from shared.messages import Draft, Form, NoteSpec, Profile, Question, Standing, WindowSpec
from shared.perception import Perceiver, Thinker, at_tick, due, encode_frames, respond, said_yes, ticks
from shared.video import Frame, encode_jpeg
from shared.vlm import Choice, Generated, PromptParts
from shared.vlm.engine import LocalVlm

FRAMES = [Frame(i, float(i), encode_jpeg(image, quality=90)) for i, image in enumerate(tiny_llava.images(12))]


def watch(form: Form = Form.ALERT, *, until_s: float = 5.0, every_s: float = 1.0, t: float = 2.0) -> Question:
    standing = Standing(kind="speak", every_s=every_s, until_s=until_s)
    return Question(
        opening="r_0_0", key="k", sample="s", t_ask=t, text="Say when.", form=form, standing=standing
    )


class Says:
    """A model that says what it is told to: answers to `choose` in turn, and always the same words."""

    def __init__(self, vlm: LocalVlm, *answers: str) -> None:
        self._vlm, self._answers = vlm, list(answers)

    def __getattr__(self, name: str) -> object:
        return getattr(self._vlm, name)

    def choose(self, parts: PromptParts) -> Choice:
        return Choice(self._answers.pop(0), dict.fromkeys(parts.choices, 0.5), 7)

    def generate(self, parts: PromptParts, *, max_new_tokens: int) -> Generated:
        assert not parts.labels
        return Generated("a star", 9, 3)


def said(vlm: LocalVlm, question: Question, *answers: str) -> list[Draft]:
    """Drafts of the ticks one after the other, each told whether yes was said before."""
    model, drafts = Says(vlm, *answers), list[Draft]()
    units = encode_frames(vlm, FRAMES[:2])
    for _ in answers:
        spoke = said_yes(drafts[-1]) if drafts else False
        drafts.append(respond(model, units, question, spoke=spoke))
    return drafts


def test_it_speaks_when_no_turns_to_yes_and_not_while_yes_goes_on(vlm: LocalVlm) -> None:
    drafts = said(vlm, watch(), "no", "yes", "yes", "no", "yes")
    assert [draft.speak for draft in drafts] == [False, True, False, False, True]
    assert [draft.raw for draft in drafts] == ["no", "yes", "yes", "no", "yes"]


def test_what_is_to_be_said_is_written_only_when_it_speaks(vlm: LocalVlm) -> None:
    drafts = said(vlm, watch(Form.EMIT), "no", "yes", "yes")
    assert [draft.raw for draft in drafts] == ["no", "a star", "yes"]
    assert [draft.choice for draft in drafts] == ["no", "yes", "yes"]
    assert [draft.usage.output_tokens for draft in drafts] == [1, 4, 1]


def test_a_question_asked_once_neither_speaks_nor_is_silent(vlm: LocalVlm) -> None:
    plain = watch().model_copy(update={"standing": None, "form": Form.YES_NO})
    assert said(vlm, plain, "yes")[0].speak is None


def test_a_tick_sees_what_the_question_asked_at_its_time_would_see(vlm: LocalVlm) -> None:
    profile = Profile(s1=WindowSpec(frames=4, hop=2), notes=NoteSpec(enabled=False))
    worker = Perceiver(vlm, profile, opening="r_0_0", run="r")
    for frame in FRAMES[:7]:
        worker.push(frame)
    draft = worker.answer(at_tick(watch(), 3))
    assert draft.frames_ts[-1] == 5.0
    assert perception_kit.said(draft) == perception_kit.said(worker.answer(watch(t=5.0)))


def test_nothing_before_the_view_is_seen(vlm: LocalVlm) -> None:
    profile = Profile(s1=WindowSpec(frames=6, hop=1), notes=NoteSpec(enabled=False))
    worker = Perceiver(vlm, profile, opening="r_0_0", run="r")
    for frame in FRAMES[:8]:
        worker.push(frame)
    cut = watch().model_copy(update={"standing": None, "form": Form.YES_NO, "t_ask": 6.0, "view_from": 4.5})
    assert worker.answer(cut).frames_ts == (5.0, 6.0)
    assert worker.answer(cut).partial == ""
    index = [(frame.index, frame.t) for frame in FRAMES]
    assert Thinker(vlm).needed(index, 6.0, profile.s1, view_from=4.5) == [5, 6]
    assert Thinker(vlm).answer(cut, FRAMES[1:7], []).frames_ts == (5.0, 6.0)


def test_ticks_stand_on_the_grid_up_to_the_horizon_or_the_end() -> None:
    assert ticks(watch()) == [2.0, 3.0, 4.0, 5.0]
    assert ticks(watch(every_s=0.1, until_s=2.3)) == [2.0, 2.1, 2.2, 2.3]
    assert ticks(watch(), end_t=3.5) == [2.0, 3.0]
    assert ticks(watch(), end_t=1.0) == [2.0]  # the first look is always taken


@given(st.floats(0, 50), st.floats(0.1, 3), st.floats(0, 20), st.floats(0, 80))
def test_the_newest_due_tick_is_the_last_one_that_is_past(
    ask: float, every: float, last: float, t: float
) -> None:
    question = watch(t=ask, every_s=every, until_s=ask + last)
    times, newest = ticks(question), due(question, t)
    assert all(times[k] <= t + 1e-6 for k in range(newest + 1))
    assert all(time > t for time in times[newest + 1 :])


def test_who_does_not_stand_has_no_ticks() -> None:
    with pytest.raises(DataError, match="does not stand"):
        ticks(watch().model_copy(update={"standing": None}))

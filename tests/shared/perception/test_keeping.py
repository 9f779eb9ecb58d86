from __future__ import annotations

from typing import Any

import pytest
import tiny_llava
from perception_kit import said

from shared.errors import ModelError
from shared.messages import CacheSpec, Draft, Form, NoteSpec, Option, Profile, Question, WindowSpec
from shared.perception import Perceiver, Thinker
from shared.video import Frame, encode_jpeg
from shared.vlm import Choice, Generated, PromptParts, Unit, Vlm
from shared.vlm.engine import LocalVlm

FRAMES = [Frame(i, float(i), encode_jpeg(image, quality=90)) for i, image in enumerate(tiny_llava.images(24))]
OPTIONS = tuple(Option(key=key, text=f"number {key}") for key in "ABCD")
S1, S2 = WindowSpec(), WindowSpec(stride=3, newest=True)


def profile(**cache: Any) -> Profile:
    return Profile(s1=S1, s2=S2, notes=NoteSpec(enabled=False), cache=CacheSpec(**cache))


def question(t_ask: float, **other: Any) -> Question:
    fields = {"opening": "r_0_0", "key": "k", "sample": "s", "text": "What is it?", "options": OPTIONS}
    return Question.model_validate(fields | {"t_ask": t_ask} | other)


def watched(
    vlm: Vlm, played: Profile, frames: list[Frame], *, ahead: bool = True
) -> tuple[Perceiver, list[Draft]]:
    """S1 over these frames, asked at each of them."""
    worker, drafts = Perceiver(vlm, played, opening="r_0_0", run="r"), list[Draft]()
    for frame in frames:
        worker.push(frame)
        if ahead:
            worker.prefill()
        drafts.append(worker.answer(question(frame.t)))
    return worker, drafts


class Plain:
    """A model of another distribution: it knows nothing of prefixes."""

    def __init__(self, vlm: LocalVlm) -> None:
        self._vlm, self.name, self.fingerprint, self.unit_frames = vlm, vlm.name, vlm.fingerprint, 1
        self.label_logits = True

    def encode(self, frames: Any, times: Any, index: int) -> Unit:
        return self._vlm.encode(frames, times, index)

    def choose(self, parts: PromptParts) -> Choice:
        return self._vlm.choose(PromptParts(parts.units, question=parts.question, options=parts.options))

    def generate(self, parts: PromptParts, *, max_new_tokens: int) -> Generated:
        raise AssertionError("not asked for")


def test_a_reused_prefix_gives_the_answers_of_a_plain_pass_within_rounding(vlm: LocalVlm) -> None:
    _, reused = watched(vlm, profile(), FRAMES)
    _, plain = watched(vlm, profile(kv_reuse=False), FRAMES)
    assert [draft.choice for draft in reused] == [draft.choice for draft in plain]
    for one, other in zip(reused, plain, strict=True):
        assert one.probs == pytest.approx(other.probs, abs=2e-4)
    assert sum(draft.usage.reused_tokens for draft in plain) == 0
    assert all(draft.usage.reused_tokens > 0 and draft.usage.saved_s > 0 for draft in reused[1:])


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_whoever_builds_the_prefix_and_when_the_answers_are_the_same(vlm: LocalVlm, stride: int) -> None:
    kept = profile(prefill_stride=stride)
    _, ahead = watched(vlm, kept, FRAMES)
    _, asked = watched(vlm, kept, FRAMES, ahead=False)
    _, anew = watched(vlm, profile(prefill_stride=stride, enabled=False), FRAMES)
    assert (
        [said(draft) for draft in ahead]
        == [said(draft) for draft in asked]
        == [said(draft) for draft in anew]
    )
    assert sum(d.usage.reused_tokens for d in ahead) >= sum(d.usage.reused_tokens for d in asked) > 0
    assert {(d.usage.reused_tokens, d.usage.cache_bytes) for d in anew} == {(0, 0)}


def test_a_successor_answers_as_who_was_there_from_the_start(vlm: LocalVlm) -> None:
    _, first = watched(vlm, profile(), FRAMES[:20])
    _, second = watched(vlm, profile(), FRAMES[12:20])
    assert [said(draft) for draft in first[18:]] == [said(draft) for draft in second[6:]]
    assert second[-1].partial == ""


def test_s1_encodes_each_frame_once_and_says_what_is_kept(vlm: LocalVlm) -> None:
    worker, drafts = watched(vlm, profile(), FRAMES)
    assert worker.encoded == len(FRAMES)
    assert {(d.usage.frames_encoded, d.usage.frames_reencoded) for d in drafts} == {(0, 0)}
    usage = drafts[-1].usage
    assert (usage.frames_reused, usage.cache_bytes) == (
        6,
        worker._store.nbytes("r_0_0") + vlm.kept_bytes("r_0_0"),
    )
    assert vlm.kept_bytes("r_0_0") > 0
    worker.close()
    assert vlm.kept_bytes("r_0_0") == 0


def test_without_a_store_frames_are_encoded_for_each_question(vlm: LocalVlm) -> None:
    worker, drafts = watched(vlm, profile(enabled=False), FRAMES[:3])
    assert [(d.usage.frames_encoded, d.usage.frames_reencoded) for d in drafts] == [(1, 0), (2, 1), (3, 2)]
    assert [d.usage.frames_reused for d in drafts] == [0, 0, 0]
    assert worker.encoded == 6


def test_frames_beyond_the_limit_are_encoded_again_and_counted(vlm: LocalVlm) -> None:
    few, many = (watched(vlm, profile(max_frames=most), FRAMES[:8])[1] for most in (2, 99))
    assert [said(draft) for draft in few] == [said(draft) for draft in many]
    assert few[-1].usage.frames_reencoded == few[-1].usage.frames_encoded > 0


def test_a_question_about_part_of_the_window_is_answered_the_same_with_and_without_a_store(
    vlm: LocalVlm,
) -> None:
    asked = question(19.0, view_from=17.0)
    kept, anew = (watched(vlm, profile(enabled=on), FRAMES[:20])[0].answer(asked) for on in (True, False))
    assert said(kept) == said(anew)
    assert kept.frames_idx == (17, 18, 19)


def test_a_model_that_keeps_no_prefixes_answers_as_ever(vlm: LocalVlm) -> None:
    worker, drafts = watched(Plain(vlm), profile(), FRAMES[:9])
    _, plain = watched(vlm, profile(kv_reuse=False), FRAMES[:9])
    assert [draft.probs for draft in drafts] == [draft.probs for draft in plain]
    worker.close()


def test_a_window_that_is_too_long_for_the_model_fails_the_question_and_not_the_stream(vlm: LocalVlm) -> None:
    wide = profile().model_copy(update={"s1": WindowSpec(frames=5000)})
    worker = Perceiver(vlm, wide, opening="r_0_0", run="r")
    limit, vlm._limit = vlm._limit, 40
    try:
        for frame in FRAMES[:4]:
            worker.push(frame)
            worker.prefill()
        with pytest.raises(ModelError, match="lower the window's frames"):
            worker.answer(question(3.0))
    finally:
        vlm._limit = limit


def test_s2_reuses_the_prefix_between_questions_about_one_window(vlm: LocalVlm) -> None:
    thinker, plain, anew = Thinker(vlm), Thinker(vlm), Thinker(vlm)
    shown = [frame for frame in FRAMES if frame.index in (6, 9, 12, 15, 16, 17)]
    for name, asker, played in (("kept", thinker, profile()), ("new", anew, profile(enabled=False))):
        asked = [
            question(t, opening=name, text=text) for t, text in ((16.0, "What was it?"), (17.0, "And now?"))
        ]
        first, second = (asker.answer(one, shown, [], profile=played) for one in asked)
        if name == "kept":
            assert (first.usage.reused_tokens, first.usage.frames_encoded) == (0, 5)
            assert (second.usage.reused_tokens > 0, second.usage.frames_encoded) == (True, 1)
            kept = [said(first), said(second)]
        else:
            assert [said(first), said(second)] == kept
    bare = plain.answer(question(17.0, text="And now?"), shown, [], profile=profile(kv_reuse=False))
    assert bare.probs == pytest.approx(kept[1].probs, abs=2e-4)


def test_what_s2_sees_ahead_of_its_notes_is_counted_as_the_questions_own(vlm: LocalVlm) -> None:
    thinker, played, shown = Thinker(vlm), profile(ahead="both"), [FRAMES[i] for i in (0, 3, 6, 9, 12)]
    asked = question(12.5, opening="r_7_0", form=Form.YES_NO, options=())
    draft = thinker.answer(asked, shown, [], profile=played, ahead=thinker.see(asked, shown, played))
    assert (draft.usage.frames_encoded, draft.usage.frames_reused) == (5, 0)
    assert draft.usage.reused_tokens > 0
    assert said(draft) == said(Thinker(vlm).answer(asked, shown, [], profile=profile(enabled=False)))

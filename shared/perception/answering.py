"""One question, answered from given units and notes: the same code in S1, in S2 and offline. No state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shared.errors import ModelError
from shared.messages import Draft, Form, Note, Option, Question, Usage
from shared.perception.saying import MAX_ANSWER_TOKENS, gives_json, gives_logits, say
from shared.perception.sparing import spare
from shared.perception.standing import said_yes
from shared.video import Frame, decode_jpeg
from shared.vlm import KeepsJpeg, PromptParts, Reuse, Turn, Unit, Vlm
from shared.vlm.prompt import DESCRIBE, answer_labels, closing

__all__ = ["MAX_ANSWER_TOKENS", "encode_frames", "respond", "warm_up"]


def encode_frames(vlm: Vlm, frames: Sequence[Frame]) -> list[Unit]:
    """One unit a frame, each encoded alone. Blocks; raises `VideoError` or `ModelError`."""
    if isinstance(vlm, KeepsJpeg):
        return [vlm.keep(frame.jpeg, frame.t, frame.index) for frame in frames]
    return [_encoded(vlm, frame) for frame in frames]


def _encoded(vlm: Vlm, frame: Frame) -> Unit:
    started = time.perf_counter()
    unit = vlm.encode([decode_jpeg(frame.jpeg)], [frame.t], frame.index)
    return replace(unit, took_s=time.perf_counter() - started)


def respond(
    vlm: Vlm,
    units: Sequence[Unit],
    question: Question,
    *,
    notes: Sequence[Note] = (),
    spoke: bool = False,
    frames_encoded: int = 0,
    frames_reused: int = 0,
    partial: str = "",
    reuse: Reuse | None = None,
) -> Draft:
    """Answer from exactly these units and notes, in the order given; blocks, raises `ModelError`.

    Where the form has labels (a choice, yes or no, wait or a choice) it goes by their logits, if the model gives
    them; else it is written, as the model's settings say. A tick of a standing `speak` question is answered yes or no;
    who says yes and has not `spoke` just before speaks, and says what there is to say where the form wants words.
    With `reuse` the stream's computed prefix serves, as far as the model keeps one.
    When memory runs out it is asked once more with the newer half of the units: `partial` then says `oom_retry`.
    """
    speaks = question.standing is not None and question.standing.kind == "speak"
    notes = [note for note in notes if note.t_start >= question.view_from]

    def answered(seen: Sequence[Unit]) -> Draft:
        draft = say(vlm, _parts(vlm, seen, question, notes, reuse, speak=speaks), t_ask=question.t_ask)
        return _spoken(vlm, seen, question, notes, reuse, draft, spoke=spoke) if speaks else draft

    draft, units, spared = spare(answered, units)
    return draft.model_copy(
        update={
            "frames_idx": tuple(unit.index for unit in units),
            "frames_ts": tuple(t for unit in units for t in unit.times),
            "notes": tuple(notes),
            "partial": "; ".join(filter(None, (partial, spared, draft.partial))),
            "usage": draft.usage.model_copy(
                update={
                    "visual_tokens": sum(len(unit.feats) for unit in units),
                    "frames_encoded": frames_encoded,
                    "frames_reused": frames_reused,
                }
            ),
        }
    )


def _parts(
    vlm: Vlm,
    units: Sequence[Unit],
    question: Question,
    notes: Sequence[Note],
    reuse: Reuse | None,
    *,
    speak: bool = False,
) -> PromptParts:
    if question.form is Form.MCQ and not question.options:
        raise ModelError(
            f"multiple choice without options: {question.text[:80]!r}; give options, or ask for text"
        )
    return PromptParts(
        units,
        notes,
        [Turn(turn.question, turn.answer) for turn in question.history],
        question.text,
        question.options if question.form in (Form.MCQ, Form.SUFFICIENCY) else (),
        closing(question.form, question.options, speak=speak),
        answer_labels(question.form, question.options, speak=speak),
        question.events,
        reuse,
        question.key,
        structured=gives_json(vlm),
        think=True,
    )


def _spoken(
    vlm: Vlm,
    units: Sequence[Unit],
    question: Question,
    notes: Sequence[Note],
    reuse: Reuse | None,
    draft: Draft,
    *,
    spoke: bool,
) -> Draft:
    """The rising edge speaks; `choice` stays yes or no, so that the next tick can tell."""
    speak = said_yes(draft) and not spoke
    draft = draft.model_copy(update={"speak": speak})
    if not speak or question.form is not Form.EMIT:
        return draft
    words = say(vlm, _parts(vlm, units, question, notes, reuse), t_ask=question.t_ask)
    update = {name: getattr(words, name) for name in ("raw", "written", "evidence_times", "rationale")}
    partial = "; ".join(dict.fromkeys(filter(None, (draft.partial, words.partial))))
    usage = _both(draft.usage, words.usage)
    return draft.model_copy(update={**update, "partial": partial, "usage": usage})


def _both(first: Usage, second: Usage) -> Usage:
    names = ("prompt_tokens", "output_tokens", "reused_tokens", "saved_s", "retries", "retry_s")
    update: dict[str, object] = {name: getattr(first, name) + getattr(second, name) for name in names}
    costs = [usage.cost_usd for usage in (first, second) if usage.cost_usd is not None]
    update |= {"cost_usd": sum(costs) if costs else None, "stop": second.stop or first.stop}
    return first.model_copy(update=update)


def warm_up(vlm: Vlm) -> None:
    """Run every kernel once, so that the first question does not pay for it; blocks, raises `ModelError`.

    A provider's model is warm, and every request to it is paid: it is left alone.
    """
    if isinstance(vlm, KeepsJpeg):
        return
    unit = vlm.encode([np.zeros((96, 96, 3), np.uint8)] * vlm.unit_frames, [0.0] * vlm.unit_frames, 0)
    options = tuple(Option(key=key, text=key) for key in "AB")
    if gives_logits(vlm):
        vlm.choose(PromptParts((unit,), question=DESCRIBE, options=options))
    vlm.generate(PromptParts((unit,), question=DESCRIBE), max_new_tokens=2)

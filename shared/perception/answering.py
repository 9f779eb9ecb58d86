"""One question, answered from given units and notes: the same code in S1, in S2 and offline. No state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.errors import ModelError
from shared.messages import Draft, Form, Note, Option, Question, Usage
from shared.video import Frame, decode_jpeg
from shared.vlm import PromptParts, Turn, Unit, Vlm
from shared.vlm.prompt import DESCRIBE, answer_labels, closing

__all__ = ["MAX_ANSWER_TOKENS", "encode_frames", "respond", "warm_up"]

MAX_ANSWER_TOKENS = 64
"""Most tokens of a free answer."""


def encode_frames(vlm: Vlm, frames: Sequence[Frame]) -> list[Unit]:
    """One unit a frame, each encoded alone. Blocks; raises `VideoError` or `ModelError`."""
    return [vlm.encode([decode_jpeg(frame.jpeg)], [frame.t], frame.index) for frame in frames]


def respond(
    vlm: Vlm,
    units: Sequence[Unit],
    question: Question,
    *,
    notes: Sequence[Note] = (),
    frames_encoded: int = 0,
    frames_reused: int = 0,
    partial: str = "",
) -> Draft:
    """Answer from exactly these units and notes, in the order given; blocks, raises `ModelError`.

    Where the form has labels (a choice, yes or no, wait or a choice) it goes by their logits, else by greedy
    generation. A tick of a standing `speak` question is answered yes or no.
    """
    draft = _said(vlm, units, question, notes)
    return draft.model_copy(
        update={
            "frames_idx": tuple(unit.index for unit in units),
            "frames_ts": tuple(t for unit in units for t in unit.times),
            "notes": tuple(notes),
            "partial": partial,
            "usage": draft.usage.model_copy(
                update={
                    "visual_tokens": sum(len(unit.feats) for unit in units),
                    "frames_encoded": frames_encoded,
                    "frames_reused": frames_reused,
                }
            ),
        }
    )


def _said(vlm: Vlm, units: Sequence[Unit], question: Question, notes: Sequence[Note]) -> Draft:
    if question.form is Form.MCQ and not question.options:
        raise ModelError(
            f"multiple choice without options: {question.text[:80]!r}; give options, or ask for text"
        )
    speak = question.standing is not None and question.standing.kind == "speak"
    parts = PromptParts(
        units,
        notes,
        [Turn(turn.question, turn.answer) for turn in question.history],
        question.text,
        question.options if question.form in (Form.MCQ, Form.SUFFICIENCY) else (),
        closing(question.form, question.options, speak=speak),
        answer_labels(question.form, question.options, speak=speak),
        question.events,
    )
    return _choose(vlm, parts) if parts.labels else _write(vlm, parts)


def _choose(vlm: Vlm, parts: PromptParts) -> Draft:
    choice = vlm.choose(parts)
    probs = {label: round(p, 4) for label, p in choice.probs.items()}
    usage = Usage(prompt_tokens=choice.prompt_tokens, output_tokens=1)
    return Draft(
        raw=choice.label, choice=choice.label, confidence=probs[choice.label], probs=probs, usage=usage
    )


def _write(vlm: Vlm, parts: PromptParts) -> Draft:
    text = vlm.generate(parts, max_new_tokens=MAX_ANSWER_TOKENS)
    return Draft(
        raw=text.text, usage=Usage(prompt_tokens=text.prompt_tokens, output_tokens=text.output_tokens)
    )


def warm_up(vlm: Vlm) -> None:
    """Run every kernel once, so that the first question does not pay for it; blocks, raises `ModelError`."""
    unit = vlm.encode([np.zeros((96, 96, 3), np.uint8)] * vlm.unit_frames, [0.0] * vlm.unit_frames, 0)
    options = tuple(Option(key=key, text=key) for key in "AB")
    vlm.choose(PromptParts((unit,), question=DESCRIBE, options=options))
    vlm.generate(PromptParts((unit,), question=DESCRIBE), max_new_tokens=2)

"""One question, answered from given units and notes: the same code in S1, in S2 and offline. No state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.errors import ModelError
from shared.messages import Draft, Form, Note, Option, Question, Usage
from shared.video import Frame, decode_jpeg
from shared.vlm import PromptParts, Turn, Unit, Vlm
from shared.vlm.prompt import DESCRIBE

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
    history: Sequence[Turn] = (),
    frames_encoded: int = 0,
    frames_reused: int = 0,
    partial: str = "",
) -> Draft:
    """Answer from exactly these units and notes, in the order given; blocks, raises `ModelError`.

    Multiple choice goes by the label logits, every other form by greedy generation.
    """
    said = _choose if question.form is Form.MCQ else _write
    draft = said(vlm, PromptParts(units, notes, history, question.text, question.options))
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


def _choose(vlm: Vlm, parts: PromptParts) -> Draft:
    if not parts.options:
        raise ModelError(
            f"multiple choice without options: {parts.question[:80]!r}; give options, or ask for text"
        )
    choice = vlm.choose(parts)
    probs = {label: round(p, 4) for label, p in choice.probs.items()}
    usage = Usage(prompt_tokens=choice.prompt_tokens, output_tokens=1)
    return Draft(
        raw=choice.label, choice=choice.label, confidence=probs[choice.label], probs=probs, usage=usage
    )


def _write(vlm: Vlm, parts: PromptParts) -> Draft:
    free = PromptParts(parts.units, parts.notes, parts.history, parts.question)
    text = vlm.generate(free, max_new_tokens=MAX_ANSWER_TOKENS)
    return Draft(
        raw=text.text, usage=Usage(prompt_tokens=text.prompt_tokens, output_tokens=text.output_tokens)
    )


def warm_up(vlm: Vlm) -> None:
    """Run every kernel once, so that the first question does not pay for it; blocks, raises `ModelError`."""
    unit = vlm.encode([np.zeros((96, 96, 3), np.uint8)] * vlm.unit_frames, [0.0] * vlm.unit_frames, 0)
    options = tuple(Option(key=key, text=key) for key in "AB")
    vlm.choose(PromptParts((unit,), question=DESCRIBE, options=options))
    vlm.generate(PromptParts((unit,), question=DESCRIBE), max_new_tokens=2)

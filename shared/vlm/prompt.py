"""From prompt parts to chat messages, for every family: system, timestamped frames, notes, history, question.

Times are absolute digits of stream time. System and frames come first, so that they can be kept warm.
The trained tiny models saw exactly these words in training: a change here is a change of every score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.messages import Form, Option
from shared.vlm.base import PromptParts

__all__ = [
    "DESCRIBE", "JSON_REPLY", "SYSTEM", "THINK_FIRST", "WAIT",
    "answer_labels", "closing", "has_words", "last_line", "messages", "note_line", "plain", "stamp",
]  # fmt: skip

SYSTEM = "You watch a live video. Answer from what you have seen so far."
DESCRIBE = "Describe the last frame."
"""The question by which S1 writes a note."""
WAIT = "wait"
"""The label that says that nothing tells yet."""
YES_NO = ("yes", "no")
_CLOSINGS = {
    Form.MCQ: "Answer with the letter.",
    Form.YES_NO: "Answer yes or no.",
    Form.COUNT: "Answer with a number.",
}
_IS_IT_TIME = "Is it time now? Answer yes or no."
THINK_FIRST = "Think first, in a few sentences."
"""For models that have no way of their own to think; it stands before the line that says how to answer."""
JSON_REPLY = (
    'Reply with JSON alone: {"answer": "...", "confidence": 0.0 to 1.0, '
    '"evidence_times": [seconds], "rationale": "one sentence"}'
)
"""The last line where answers are structured (shared/vlm/structured.py)."""


def closing(form: Form, options: Sequence[Option] = (), *, speak: bool = False) -> str:
    """The last line of a prompt; `speak` asks whether it is time to say something (a standing question's tick)."""
    if speak:
        return _IS_IT_TIME
    if form is Form.SUFFICIENCY:
        return "Answer with the letter, or wait." if options else "Answer, or wait."
    return _CLOSINGS.get(form, "")


def answer_labels(form: Form, options: Sequence[Option] = (), *, speak: bool = False) -> tuple[str, ...]:
    """What an answer is chosen among; empty where it is written freely."""
    if speak or form is Form.YES_NO:
        return YES_NO
    keys = tuple(option.key for option in options)
    return (*keys, WAIT) if form is Form.SUFFICIENCY and keys else keys if form is Form.MCQ else ()


def has_words(labels: Sequence[str]) -> bool:
    """Whether words are among the labels, beside or instead of option keys: they have a temperature of their own."""
    return WAIT in labels or set(labels) == set(YES_NO)


def stamp(t: float) -> str:
    """A stream time as a prompt shows it: absolute seconds with one decimal, `12.0s`."""
    return f"{t:.1f}s"


def note_line(t: float, text: str) -> str:
    """A note as a prompt shows it."""
    return f"{stamp(t)} {text}"


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _question(parts: PromptParts) -> str:
    lines = []
    if parts.notes:
        lines += ["Notes:", *(note_line(note.t_end, note.text) for note in parts.notes)]
    if parts.events:
        lines += [
            "Events:",
            *(f"{stamp(event.t)} {event.role or event.kind}: {event.text}" for event in parts.events),
        ]
    lines += [
        line for turn in parts.history for line in (f"Question: {turn.question}", f"Answer: {turn.answer}")
    ]
    lines += [f"Question: {parts.question}"]
    if parts.options:
        lines += ["Options:", *(f"{option.key}. {option.text}" for option in parts.options)]
    if last := last_line(parts):
        lines += [last]
    if parts.structured:
        lines += [JSON_REPLY]
    return "\n".join(lines)


def last_line(parts: PromptParts) -> str:
    """What says how to answer; empty for a free answer."""
    return parts.closing or (_CLOSINGS[Form.MCQ] if parts.options else "")


def messages(parts: PromptParts, *, system: str = SYSTEM) -> list[dict[str, Any]]:
    """Chat messages with one `{"type": "image"}` placeholder a unit, each behind its time stamp."""
    content: list[dict[str, Any]] = []
    for unit in parts.units:
        content += [_text(stamp(unit.times[-1])), {"type": "image"}]
    content.append(_text(_question(parts)))
    return [{"role": "system", "content": [_text(system)]}, {"role": "user", "content": content}]


def plain(chat: Sequence[dict[str, Any]]) -> str:
    """The text of chat messages without images, for blind models and logs."""
    return "\n".join(c["text"] for m in chat for c in m["content"] if c["type"] == "text")

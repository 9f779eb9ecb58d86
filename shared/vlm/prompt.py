"""From prompt parts to chat messages, for every family: system, timestamped frames, notes, history, question.

Times are absolute digits of stream time. System and frames come first, so that they can be kept warm.
The trained tiny models saw exactly these words in training: a change here is a change of every score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.vlm.base import PromptParts

__all__ = ["DESCRIBE", "SYSTEM", "messages", "note_line", "plain", "stamp"]

SYSTEM = "You watch a live video. Answer from what you have seen so far."
DESCRIBE = "Describe the last frame."
"""The question by which S1 writes a note."""


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
    lines += [
        line for turn in parts.history for line in (f"Question: {turn.question}", f"Answer: {turn.answer}")
    ]
    lines += [f"Question: {parts.question}"]
    if parts.options:
        lines += ["Options:", *(f"{option.key}. {option.text}" for option in parts.options)]
        lines += ["Answer with the letter."]
    return "\n".join(lines)


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

"""Structured answers: one JSON object with answer, confidence, evidence times and rationale, in this order.

Three forms of the same: a grammar that a local model is held to (bounded, so that it ends), a JSON schema for
providers, and what reads a reply. Only `answer` is ever scored; a rationale never is. Imports no model library.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["STRUCTURED_TOKENS", "StructuredReply", "grammar", "read_reply", "schema"]

STRUCTURED_TOKENS = 320
"""Most tokens of a structured reply, unless a model's settings say otherwise."""
_MOST_CHARS, _MOST_TIMES = 200, 8


class StructuredReply(NamedTuple):
    """A reply that was read. What is not of its kind is left out, but for the answer: without it there is none."""

    answer: str
    confidence: float | None = None
    """From 0 to 1, as the model itself states it."""
    evidence_times: tuple[float, ...] = ()
    """Seconds of stream time."""
    rationale: str = ""


def schema(labels: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON schema, in the subset that every provider's strict mode takes; `labels` bind the answer."""
    answer = {"type": "string", "enum": list(labels)} if labels else {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "answer": answer,
            "confidence": {"type": "number", "description": "From 0 to 1."},
            "evidence_times": {
                "type": "array",
                "items": {"type": "number"},
                "description": "Stream times in seconds of the frames or notes that show it.",
            },
            "rationale": {"type": "string", "description": "One sentence."},
        },
        "required": ["answer", "confidence", "evidence_times", "rationale"],
        "additionalProperties": False,
    }


def grammar(labels: Sequence[str] = ()) -> str:
    """The same as a GBNF grammar, with every length bounded."""
    answer = " | ".join(_literal(json.dumps(label, ensure_ascii=False)) for label in labels) or "text"
    pieces = ['{"answer": ', ', "confidence": ', ', "evidence_times": [', '], "rationale": ', "}"]
    opening, sure, times, why, end = map(_literal, pieces)
    more = f'(", " time){{0,{_MOST_TIMES - 1}}}'
    return "\n".join(
        (
            f"root ::= {opening} answer {sure} confidence {times} (time {more})? {why} text {end}",
            f"answer ::= {answer}",
            'confidence ::= "0." [0-9]{1,2} | "1.0"',
            'time ::= ("0" | [1-9] [0-9]{0,5}) ("." [0-9])?',
            rf'text ::= "\"" [^"\\\x00-\x1F]{{0,{_MOST_CHARS}}} "\""',
        )
    )


def read_reply(text: str) -> StructuredReply | None:
    """The first JSON object in a text that has an answer, fenced or amid words; null when there is none."""
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and (answer := _text(found.get("answer"))):
            return StructuredReply(
                answer,
                _probability(found.get("confidence")),
                _seconds(found.get("evidence_times")),
                _text(found.get("rationale")),
            )
        start = text.find("{", start + 1)
    return None


def _literal(text: str) -> str:
    # GBNF spells its strings as JSON does.
    return json.dumps(text)


def _number(value: object) -> float | None:
    real = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
    return float(value) if real and isinstance(value, int | float) and math.isfinite(value) else None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if _number(value) is None else f"{value}"


def _probability(value: object) -> float | None:
    found = _number(value)
    return None if found is None or not 0 <= found <= 1 else round(found, 4)


def _seconds(value: object) -> tuple[float, ...]:
    items = value if isinstance(value, list) else []
    return tuple(found for item in items if (found := _number(item)) is not None)

"""From a JSON value to the text that official rules look at.

The published scorers take text only, and fail or miscount when they meet anything else. Here every JSON
value has one reading, written down in `text_of`, and the official rule is applied to that.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["is_empty", "text_of"]


def text_of(value: Any) -> str:
    """The text of a prediction.

    Null is empty. A list is its items joined by a space (some released answers are lists of one). A number is
    written without a trailing `.0`, true and false are `Yes` and `No`, an object is its JSON text.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return " ".join(text_of(item) for item in value if item is not None)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


def is_empty(value: Any) -> bool:
    """Whether there is nothing in it: null, no text, or a list of nothing."""
    return text_of(value) == ""

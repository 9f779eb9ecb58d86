"""What goes to a provider and what comes back, whatever its protocol; and which failures may pass."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from shared.errors import ModelError
from shared.vlm.base import PromptParts
from shared.vlm.prompt import messages

__all__ = [
    "Backend",
    "Passing",
    "Reply",
    "Request",
    "base64_of",
    "failure",
    "label_probs",
    "one_line",
    "request_of",
    "seconds",
]

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_KEYLIKE = re.compile(r"\b(?:sk-|AIza)[\w*.-]{4,}")


class Request(NamedTuple):
    """One chat request: a system line, then texts and JPEG frames in the order of the prompt."""

    system: str
    content: tuple[str | bytes, ...]
    max_tokens: int
    """Thinking included."""
    labels: tuple[str, ...] = ()
    """What the answer is chosen among; empty where it is written freely."""
    structured: bool = False
    """The reply is to be JSON, of `shared.vlm.structured.schema`."""
    thinking: int | None = None
    """Most tokens of thought; 0: none is wanted; null: nothing is said of it."""


class Reply(NamedTuple):
    """What a provider answered."""

    text: str
    prompt_tokens: int
    output_tokens: int
    """Thinking included: it is paid."""
    stop: str = ""
    """`length`, `refusal` or `filter`; empty at the model's own end."""
    probs: Mapping[str, float] = {}
    """By label, summing to 1; empty where the provider does not tell."""
    thought: str = ""
    """What it thought before, as far as the provider tells."""
    tries: int = 0
    """Tries that failed before it, where others than the caller repeated it: those of earlier batches."""


class Passing(Exception):
    """A failure that may pass; `after_s` is how long the provider asks to wait, wall-clock seconds."""

    def __init__(self, text: str, *, after_s: float = 0.0) -> None:
        super().__init__(text)
        self.after_s = after_s


class Backend(Protocol):
    """One provider's protocol, spoken by its SDK with the SDK's own retries off. Thread-safe."""

    def send(self, request: Request) -> Reply:
        """One try; blocks, raises `Passing` or `ModelError`."""
        ...


def request_of(parts: PromptParts, *, max_tokens: int, thinking: int | None = None) -> Request:
    """The chat request of a prompt: the words and the order of every other family (shared/vlm/prompt.py).

    `max_tokens` are those of the reply, `thinking` comes beside them.
    """
    system, user = messages(parts)
    frames = iter(parts.units)
    content = tuple(item["text"] if item["type"] == "text" else next(frames).jpeg for item in user["content"])
    return Request(
        system["content"][0]["text"],
        content,
        max_tokens + (thinking or 0),
        tuple(parts.choices),
        parts.structured,
        thinking,
    )


def base64_of(jpeg: bytes) -> str:
    """As JSON carries it."""
    return base64.b64encode(jpeg).decode("ascii")


def one_line(error: object, key: str) -> str:
    """A provider's words on one line, short, and without keys: some providers quote them."""
    text = " ".join(str(error).split())
    return _KEYLIKE.sub("***", text.replace(key, "***") if len(key) > 4 else text)[:200]


def failure(
    what: str, *, status: int | None, told: str, after_s: float = 0.0, final: bool = False
) -> Exception:
    """The error for a failed try; `status` null means that no answer came. `final`: no use to try again."""
    text = f"{what} {'gave no answer' if status is None else f'answered {status}'}: {told}"
    if not final and (status is None or status in _PASSING or status >= 500):
        return Passing(text, after_s=after_s)
    remedy = (
        "check its key in the environment"
        if status in (401, 403)
        else "mend `path`, `base_url` or its settings"
    )
    return ModelError(f"{text}; {remedy}")


def seconds(told: Any) -> float:
    """A Retry-After header, seconds; 0 when there is none. A date is rare, and not worth a wait of unknown length."""
    try:
        return max(0.0, float(told or 0))
    except (TypeError, ValueError):
        return 0.0


def label_probs(labels: tuple[str, ...], tokens: Mapping[str, float]) -> dict[str, float]:
    """Probabilities by label from those of an answer's first token, made to sum to 1; empty when none begins a label.

    A token that begins several labels, or none, is left out.
    """
    mass = dict.fromkeys(labels, 0.0)
    for token, p in tokens.items():
        word = token.strip().strip("(").casefold()
        begun = [label for label in labels if word and label.casefold() == word]
        if len(begun) == 1:
            mass[begun[0]] += p
    whole = sum(mass.values())
    return {label: p / whole for label, p in mass.items()} if whole > 0 else {}

"""What requests cost: the price table (`prices.json`, with its date), and how many tokens a request is likely to take.

Prices are list prices in US dollars per million tokens, without discounts for cached prompts: an upper bound.
A batch costs a fraction of them, which the table holds by provider. `price` in a model's settings overrides the
table. A server of one's own has no price.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from shared.vlm.providers.wire import Request
from shared.vlm.spec import ModelSpec

__all__ = ["Price", "batch_share", "estimate", "image_tokens", "price_of", "table_date", "text_tokens"]

_VERSION = re.compile(r"-(?:latest|preview|\d[\d-]*)$")
"""What may follow a model's name in the table: a date or a version."""
_CHARS_PER_TOKEN = 4


class Price(NamedTuple):
    """US dollars per million tokens."""

    prompt: float
    output: float

    def of(self, prompt_tokens: int, output_tokens: int) -> float:
        """US dollars, rounded to a millionth of a cent."""
        return round((prompt_tokens * self.prompt + output_tokens * self.output) / 1e6, 8)


@cache
def _table() -> dict[str, Any]:
    text = (files("shared.vlm.providers") / "prices.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def table_date() -> str:
    """As of when the table's prices stood, ISO date."""
    return str(_table()["date"])


def price_of(spec: ModelSpec) -> Price | None:
    """The price of a model; null when none is known."""
    if spec.price is not None:
        return Price(*spec.price)
    known: dict[str, Any] = {} if spec.base_url else _table()["prices"].get(spec.backend, {})
    for name in (spec.path, _VERSION.sub("", spec.path)):
        if name in known:
            return Price(*known[name])
    return None


def batch_share(provider: str) -> float:
    """What a request in a batch costs of what it costs at once."""
    return float(_table()["batch"][provider])


def text_tokens(text: str) -> int:
    """About how many tokens a text is: four characters each, as providers' guides say of English."""
    return math.ceil(len(text) / _CHARS_PER_TOKEN)


def image_tokens(provider: str, width: int, height: int, *, model: str = "") -> int:
    """About how many tokens a picture is, by the formula in each provider's vision guide.

    OpenAI: 85, and 170 for each tile of 512 pixels (GPT-4o); 2833 and 5667 (GPT-4o mini). Anthropic: width times
    height by 750. Google: 258 up to 384 pixels, else 258 for each tile of 768. Newer models differ by up to a factor
    of two.
    """
    if provider == "anthropic":
        return math.ceil(width * height / 750)
    if provider == "google":
        small = max(width, height) <= 384
        return 258 if small else 258 * math.ceil(width / 768) * math.ceil(height / 768)
    scale = min(1.0, 2048 / max(width, height), 768 / min(width, height))
    tiles = math.ceil(width * scale / 512) * math.ceil(height * scale / 512)
    base, tile = (2833, 5667) if model.startswith("gpt-4o-mini") else (85, 170)
    return base + tile * tiles


def estimate(provider: str, request: Request, *, model: str = "") -> int:
    """About how many tokens a request takes, its reply included; for rate limits."""
    tokens = text_tokens(request.system) + request.max_tokens
    for item in request.content:
        tokens += (
            text_tokens(item) if isinstance(item, str) else image_tokens(provider, *_size(item), model=model)
        )
    return tokens


def _size(jpeg: bytes) -> tuple[int, int]:
    """Width and height from a JPEG's frame header; a common size where there is none."""
    at = 2
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(jpeg[at + 7 : at + 9]), int.from_bytes(jpeg[at + 5 : at + 7])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return 512, 512

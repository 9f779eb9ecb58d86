"""A judge behind an endpoint that speaks the OpenAI chat protocol: `POST <url>/chat/completions`.

The standard library's client, so that nothing has to be installed. Overload (429), server errors and broken
connections are `Passing`: worth another try; everything else is a `ModelError`. The key is never shown.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from shared.errors import ConfigError, ModelError

__all__ = ["ChatEndpoint", "Passing", "Reply"]

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_MOST = 4_000_000
_LONGEST_PAUSE_S = 60.0


class Reply(NamedTuple):
    """What a judge answered."""

    text: str
    prompt_tokens: int = 0
    output_tokens: int = 0


class Passing(Exception):
    """A failure that may pass; `after_s` is how long the server asks to wait."""

    def __init__(self, text: str, *, after_s: float = 0.0) -> None:
        super().__init__(text)
        self.after_s = after_s


class ChatEndpoint:
    """One model at one endpoint. Thread-safe; `ask` blocks."""

    def __init__(self, url: str, model: str, *, key: str = "", timeout_s: float = 60.0) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError(f"DSB_JUDGE_URL={url!r}: need http:// or https://, such as http://host:8000/v1")
        self._url = url.rstrip("/") + "/chat/completions"
        self._model, self._key, self._timeout_s = model, key, timeout_s

    def ask(self, prompt: str, *, most_tokens: int) -> Reply:
        """The reply to one prompt, at temperature 0; raises `Passing` or `ModelError`."""
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": most_tokens,
        }
        head = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self._key}"} if self._key else {}
        )
        request = urllib.request.Request(self._url, json.dumps(body).encode(), head)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
                return _reply(answer.read(_MOST))
        except urllib.error.HTTPError as error:
            raise self._failure(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise Passing(f"judge at {self._url} can't be reached ({self._hide(str(error))})") from error

    def _failure(self, error: urllib.error.HTTPError) -> Exception:
        told = self._hide(error.read(2000).decode("utf-8", "replace"))
        text = f"judge at {self._url} answered {error.code}: {told}"
        if error.code in _PASSING:
            return Passing(text, after_s=_seconds(error.headers.get("Retry-After")))
        return ModelError(f"{text}; mend DSB_JUDGE_URL, DSB_JUDGE_MODEL or DSB_JUDGE_KEY")

    def _hide(self, text: str) -> str:
        shown = " ".join(text.split())
        return (shown.replace(self._key, "***") if self._key else shown)[:200]


def _reply(body: bytes) -> Reply:
    try:
        data: Any = json.loads(body)
        text = data["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise Passing(f"judge gave no chat completion but {body[:80]!r}") from error
    usage = data.get("usage") or {}
    return Reply(str(text or ""), _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else 0


def _seconds(told: str | None) -> float:
    try:
        return min(_LONGEST_PAUSE_S, max(0.0, float(told or 0)))
    except ValueError:  # a date: rare, and not worth a wait of unknown length
        return 0.0

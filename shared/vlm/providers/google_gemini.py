"""Google's Gemini API (`generateContent`), by its SDK."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.vlm.providers.facts import Connection, api_key, provider_of, sdk
from shared.vlm.providers.wire import Reply, Request, failure, label_probs, one_line, seconds
from shared.vlm.spec import ModelSpec
from shared.vlm.structured import schema

__all__ = ["GoogleGemini", "asked_of", "connect", "errors_told", "reply_of"]

_STOPS = {
    "MAX_TOKENS": "length",
    "SAFETY": "filter",
    "RECITATION": "filter",
    "BLOCKLIST": "filter",
} | dict.fromkeys(("PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT"), "filter")
_DELAY = re.compile(r"""['"]retryDelay['"]:\s*['"]([\d.]+)s['"]""")
_TOP = 20


class GoogleGemini:
    """A `Backend`."""

    def __init__(self, spec: ModelSpec) -> None:
        self._to = connect(spec)

    def send(self, request: Request) -> Reply:
        """One try; blocks, raises `Passing` or `ModelError`."""
        to = self._to
        with errors_told(to):
            done = to.client.models.generate_content(model=to.spec.path, **asked_of(to, request))
        return reply_of(done, request)


def connect(spec: ModelSpec) -> Connection:
    """A client of the API; raises `ModelError`."""
    provider = provider_of(spec)
    key, module = api_key(provider, spec), sdk(provider)
    client = module.Client(
        api_key=key,
        vertexai=False,
        http_options=module.types.HttpOptions(
            base_url=spec.base_url or provider.url,
            timeout=math.ceil(spec.timeout_s * 1000),
            retry_options=module.types.HttpRetryOptions(attempts=1),
        ),
    )
    return Connection(spec, key, module, client)


def asked_of(to: Connection, request: Request) -> dict[str, Any]:
    """`contents` and `config` of a request, sent at once or in a batch."""
    types = to.sdk.types
    parts = [_part(types, item) for item in request.content]
    return {"contents": [types.Content(role="user", parts=parts)], "config": _config(to, request)}


def _part(types: Any, item: str | bytes) -> Any:
    if isinstance(item, str):
        return types.Part(text=item)
    return types.Part(inline_data=types.Blob(mime_type="image/jpeg", data=item))


def _config(to: Connection, request: Request) -> Any:
    probs = to.spec.logprobs and request.labels and not request.structured
    types = to.sdk.types
    thinking = None
    if request.thinking is not None:
        thinking = types.ThinkingConfig(
            thinking_budget=request.thinking, include_thoughts=bool(request.thinking) or None
        )
    return types.GenerateContentConfig(
        system_instruction=request.system,
        max_output_tokens=request.max_tokens,
        temperature=to.spec.sampling_temperature,
        seed=to.spec.seed,
        response_logprobs=True if probs else None,
        logprobs=_TOP if probs else None,
        stop_sequences=list(to.spec.stop) or None,
        thinking_config=thinking,
        response_mime_type="application/json" if request.structured else None,
        response_json_schema=schema(request.labels) if request.structured else None,
    )


@contextmanager
def errors_told(to: Connection) -> Iterator[None]:
    """What the SDK raises, as `Passing` or `ModelError`."""
    what = f"google model {to.spec.path!r}"
    try:
        yield
    except to.sdk.errors.APIError as error:
        raise _failure(to, what, error) from error
    except (OSError, _http_errors()) as error:
        told = f"{type(error).__name__} {one_line(error, to.key)}, within `timeout_s` {to.spec.timeout_s:g}"
        raise failure(what, status=None, told=told) from error


def _failure(to: Connection, what: str, error: Any) -> Exception:
    head = getattr(error.response, "headers", None) or {}
    named = _DELAY.search(str(error.details))
    after_s = seconds(head.get("retry-after")) or seconds(named[1] if named else 0)
    told = one_line(error.message or error, to.key)
    return failure(what, status=int(error.code), told=told, after_s=after_s)


def _http_errors() -> type[Exception]:
    """What the SDK's HTTP client raises when no answer comes."""
    import httpx2

    return httpx2.HTTPError


def reply_of(done: Any, request: Request) -> Reply:
    """What a `GenerateContentResponse` says; a prompt that was blocked has no candidates, and is still counted."""
    usage = done.usage_metadata
    sent = (usage.prompt_token_count or 0) if usage else 0
    made = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) if usage else 0
    if not done.candidates:
        return Reply("", sent, made, "filter")
    first = done.candidates[0]
    said = first.content.parts if first.content and first.content.parts else []
    text = "".join(part.text for part in said if part.text and not part.thought)
    thought = "".join(part.text for part in said if part.text and part.thought)
    stop = _STOPS.get(first.finish_reason.value if first.finish_reason else "", "")
    return Reply(text, sent, made, stop, label_probs(request.labels, _first_tokens(first)), thought)


def _first_tokens(candidate: Any) -> dict[str, float]:
    told = candidate.logprobs_result.top_candidates if candidate.logprobs_result else None
    found = (told[0].candidates or []) if told else []
    return {one.token: math.exp(one.log_probability) for one in found if one.token is not None}

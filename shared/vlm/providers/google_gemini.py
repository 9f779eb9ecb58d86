"""Google's Gemini API (`generateContent`), by its SDK."""

from __future__ import annotations

import math
import re
from typing import Any

from shared.vlm.providers.facts import api_key, provider_of, sdk
from shared.vlm.providers.wire import Reply, Request, failure, label_probs, one_line, seconds
from shared.vlm.spec import ModelSpec

__all__ = ["GoogleGemini"]

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
        provider = provider_of(spec)
        self._spec, self._key, self._sdk = spec, api_key(provider, spec), sdk(provider)
        self._types: Any = self._sdk.types
        self._client: Any = self._sdk.Client(
            api_key=self._key,
            vertexai=False,
            http_options=self._types.HttpOptions(
                base_url=spec.base_url or provider.url,
                timeout=math.ceil(spec.timeout_s * 1000),
                retry_options=self._types.HttpRetryOptions(attempts=1),
            ),
        )

    def send(self, request: Request) -> Reply:
        """One try; blocks, raises `Passing` or `ModelError`."""
        parts = [self._part(item) for item in request.content]
        try:
            done = self._client.models.generate_content(
                model=self._spec.path,
                contents=[self._types.Content(role="user", parts=parts)],
                config=self._config(request),
            )
        except self._sdk.errors.APIError as error:
            raise self._failure(error) from error
        except (OSError, _http_errors()) as error:
            told = f"{type(error).__name__} {one_line(error, self._key)}, within `timeout_s` {self._spec.timeout_s:g}"
            raise failure(self._what, status=None, told=told) from error
        return _reply(done, request)

    @property
    def _what(self) -> str:
        return f"google model {self._spec.path!r}"

    def _part(self, item: str | bytes) -> Any:
        if isinstance(item, str):
            return self._types.Part(text=item)
        return self._types.Part(inline_data=self._types.Blob(mime_type="image/jpeg", data=item))

    def _config(self, request: Request) -> Any:
        probs = self._spec.logprobs and request.labels
        return self._types.GenerateContentConfig(
            system_instruction=request.system,
            max_output_tokens=request.max_tokens,
            temperature=self._spec.sampling_temperature,
            seed=self._spec.seed,
            response_logprobs=True if probs else None,
            logprobs=_TOP if probs else None,
        )

    def _failure(self, error: Any) -> Exception:
        head = getattr(error.response, "headers", None) or {}
        named = _DELAY.search(str(error.details))
        after_s = seconds(head.get("retry-after")) or seconds(named[1] if named else 0)
        told = one_line(error.message or error, self._key)
        return failure(self._what, status=int(error.code), told=told, after_s=after_s)


def _http_errors() -> type[Exception]:
    """What the SDK's HTTP client raises when no answer comes."""
    import httpx2

    return httpx2.HTTPError


def _reply(done: Any, request: Request) -> Reply:
    """A prompt that was blocked has no candidates, and is still counted."""
    usage = done.usage_metadata
    sent = (usage.prompt_token_count or 0) if usage else 0
    made = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) if usage else 0
    if not done.candidates:
        return Reply("", sent, made, "filter")
    first = done.candidates[0]
    said = first.content.parts if first.content and first.content.parts else []
    text = "".join(part.text for part in said if part.text and not part.thought)
    stop = _STOPS.get(first.finish_reason.value if first.finish_reason else "", "")
    return Reply(text, sent, made, stop, label_probs(request.labels, _first_tokens(first)))


def _first_tokens(candidate: Any) -> dict[str, float]:
    told = candidate.logprobs_result.top_candidates if candidate.logprobs_result else None
    found = (told[0].candidates or []) if told else []
    return {one.token: math.exp(one.log_probability) for one in found if one.token is not None}

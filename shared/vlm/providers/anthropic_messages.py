"""Anthropic's Messages API, by its SDK. It takes no seed and tells no probabilities."""

from __future__ import annotations

from typing import Any

from shared.vlm.providers.facts import api_key, provider_of, sdk
from shared.vlm.providers.sdk_errors import failure_of
from shared.vlm.providers.wire import Reply, Request, base64_of
from shared.vlm.spec import ModelSpec

__all__ = ["AnthropicMessages"]

_STOPS = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refusal"}


class AnthropicMessages:
    """A `Backend`."""

    def __init__(self, spec: ModelSpec) -> None:
        provider = provider_of(spec)
        self._spec, self._key, self._sdk = spec, api_key(provider, spec), sdk(provider)
        self._client: Any = self._sdk.Anthropic(
            api_key=self._key, base_url=spec.base_url or provider.url, timeout=spec.timeout_s, max_retries=0
        )

    def send(self, request: Request) -> Reply:
        """One try; blocks, raises `Passing` or `ModelError`."""
        try:
            done = self._client.messages.create(
                model=self._spec.path,
                system=request.system,
                messages=[{"role": "user", "content": [_item(item) for item in request.content]}],
                max_tokens=request.max_tokens,
                extra_body=self._extra(),
            )
        except self._sdk.AnthropicError as error:
            raise failure_of(self._sdk, self._spec, error, key=self._key) from error
        usage = done.usage
        cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return Reply(
            "".join(block.text for block in done.content if block.type == "text"),
            usage.input_tokens + cached,
            usage.output_tokens,
            _STOPS.get(done.stop_reason, ""),
        )

    def _extra(self) -> dict[str, Any] | None:
        # The SDK has no such parameter any more, and newer models refuse it: only who sets it sends it.
        heat = self._spec.sampling_temperature
        return {"temperature": heat} if heat else None


def _item(item: str | bytes) -> dict[str, Any]:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    source = {"type": "base64", "media_type": "image/jpeg", "data": base64_of(item)}
    return {"type": "image", "source": source}

"""Anthropic's Messages API, by its SDK. It takes no seed and tells no probabilities."""

from __future__ import annotations

from typing import Any

from shared.vlm.providers.facts import Connection, api_key, provider_of, sdk
from shared.vlm.providers.sdk_errors import failure_of
from shared.vlm.providers.wire import Reply, Request, base64_of
from shared.vlm.spec import ModelSpec

__all__ = ["AnthropicMessages", "connect", "extra_of", "params_of", "reply_of"]

_STOPS = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refusal"}


class AnthropicMessages:
    """A `Backend`."""

    def __init__(self, spec: ModelSpec) -> None:
        self._to = connect(spec)

    def send(self, request: Request) -> Reply:
        """One try; blocks, raises `Passing` or `ModelError`."""
        to = self._to
        try:
            done = to.client.messages.create(**params_of(to.spec, request), extra_body=extra_of(to.spec))
        except to.sdk.AnthropicError as error:
            raise failure_of(to.sdk, to.spec, error, key=to.key) from error
        return reply_of(done)


def connect(spec: ModelSpec) -> Connection:
    """A client of the API; raises `ModelError`."""
    provider = provider_of(spec)
    key, module = api_key(provider, spec), sdk(provider)
    client = module.Anthropic(
        api_key=key, base_url=spec.base_url or provider.url, timeout=spec.timeout_s, max_retries=0
    )
    return Connection(spec, key, module, client)


def params_of(spec: ModelSpec, request: Request) -> dict[str, Any]:
    """The JSON body of a request but for `extra_of`, sent at once or in a batch."""
    return {
        "model": spec.path,
        "system": request.system,
        "messages": [{"role": "user", "content": [_item(item) for item in request.content]}],
        "max_tokens": request.max_tokens,
    }


def extra_of(spec: ModelSpec) -> dict[str, Any]:
    """Fields of the body that the SDK does not know."""
    # The SDK has no such parameter any more, and newer models refuse it: only who sets it sends it.
    heat = spec.sampling_temperature
    return {"temperature": heat} if heat else {}


def reply_of(done: Any) -> Reply:
    """What a `Message` says."""
    usage = done.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return Reply(
        "".join(block.text for block in done.content if block.type == "text"),
        usage.input_tokens + cached,
        usage.output_tokens,
        _STOPS.get(done.stop_reason, ""),
    )


def _item(item: str | bytes) -> dict[str, Any]:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    source = {"type": "base64", "media_type": "image/jpeg", "data": base64_of(item)}
    return {"type": "image", "source": source}

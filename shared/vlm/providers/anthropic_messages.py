"""Anthropic's Messages API, by its SDK. It takes no seed and tells no probabilities."""

from __future__ import annotations

from typing import Any

from shared.errors import ModelError
from shared.vlm.providers.facts import Connection, api_key, provider_of, sdk
from shared.vlm.providers.sdk_errors import failure_of
from shared.vlm.providers.wire import Reply, Request, base64_of
from shared.vlm.spec import ModelSpec
from shared.vlm.structured import schema

__all__ = ["AnthropicMessages", "connect", "extra_of", "params_of", "reply_of"]

_STOPS = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refusal"}

_LEAST_THOUGHT = 1024
"""Tokens."""


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
    _refuse(spec)
    key, module = api_key(provider, spec), sdk(provider)
    client = module.Anthropic(
        api_key=key, base_url=spec.base_url or provider.url, timeout=spec.timeout_s, max_retries=0
    )
    return Connection(spec, key, module, client)


def params_of(spec: ModelSpec, request: Request) -> dict[str, Any]:
    """The JSON body of a request but for `extra_of`, sent at once or in a batch."""
    body: dict[str, Any] = {
        "model": spec.path,
        "system": request.system,
        "messages": [{"role": "user", "content": [_item(item) for item in request.content]}],
        "max_tokens": request.max_tokens,
    }
    if spec.stop:
        body["stop_sequences"] = list(spec.stop)
    if request.thinking:
        body["thinking"] = {"type": "enabled", "budget_tokens": request.thinking}
    elif request.thinking == 0:
        body["thinking"] = {"type": "disabled"}
    if request.structured:
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema(request.labels)}}
    return body


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
        thought="".join(block.thinking for block in done.content if block.type == "thinking"),
    )


def _refuse(spec: ModelSpec) -> None:
    """What the API would refuse with each request."""
    if spec.thinking_tokens and spec.thinking_tokens < _LEAST_THOUGHT:
        raise ModelError(
            f"anthropic: thinking_tokens {spec.thinking_tokens} is below its least, {_LEAST_THOUGHT}: "
            "set it to 0 or higher than that"
        )
    if spec.thinking_tokens and spec.sampling_temperature:
        raise ModelError(
            f"anthropic: sampling_temperature {spec.sampling_temperature} with thinking_tokens "
            f"{spec.thinking_tokens}: it takes no temperature where it thinks, leave one of them out"
        )


def _item(item: str | bytes) -> dict[str, Any]:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    source = {"type": "base64", "media_type": "image/jpeg", "data": base64_of(item)}
    return {"type": "image", "source": source}

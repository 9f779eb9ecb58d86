"""OpenAI's chat completions, by its SDK: also vLLM, SGLang, llama.cpp and `transformers serve`, by `base_url`."""

from __future__ import annotations

import math
from typing import Any

from shared.vlm.providers.facts import Connection, api_key, provider_of, sdk
from shared.vlm.providers.sdk_errors import failure_of
from shared.vlm.providers.wire import Passing, Reply, Request, base64_of, label_probs
from shared.vlm.spec import ModelSpec
from shared.vlm.structured import schema

__all__ = ["OpenAiChat", "body_of", "connect", "reply_of"]

_STOPS = {"length": "length", "content_filter": "filter"}
_TOP = 20
"""Most first tokens that the API tells probabilities of."""


class OpenAiChat:
    """A `Backend`."""

    def __init__(self, spec: ModelSpec) -> None:
        self._to = connect(spec)

    def send(self, request: Request) -> Reply:
        """One try; blocks, raises `Passing` or `ModelError`."""
        to = self._to
        try:
            done = to.client.chat.completions.create(**body_of(to.spec, request))
        except to.sdk.OpenAIError as error:
            raise failure_of(to.sdk, to.spec, error, key=to.key) from error
        return reply_of(to.spec, done, request)


def connect(spec: ModelSpec) -> Connection:
    """A client of the API; raises `ModelError`."""
    provider = provider_of(spec)
    key, module = api_key(provider, spec), sdk(provider)
    client = module.OpenAI(
        api_key=key, base_url=spec.base_url or provider.url, timeout=spec.timeout_s, max_retries=0
    )
    return Connection(spec, key, module, client)


def body_of(spec: ModelSpec, request: Request) -> dict[str, Any]:
    """The JSON body of a request, sent at once or in a batch."""
    # The newer name is OpenAI's own; other servers may know the older one only.
    limit = "max_tokens" if spec.base_url else "max_completion_tokens"
    body: dict[str, Any] = {
        "model": spec.path,
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": [_item(item) for item in request.content]},
        ],
        limit: request.max_tokens,
    }
    if spec.sampling_temperature is not None:
        body["temperature"] = spec.sampling_temperature
    if spec.seed is not None:
        body["seed"] = spec.seed
    if spec.stop:
        body["stop"] = list(spec.stop)
    if request.thinking is not None:
        body["reasoning_effort"] = _effort(request.thinking)
    if request.structured:
        asked = {"name": "answer", "strict": True, "schema": schema(request.labels)}
        body["response_format"] = {"type": "json_schema", "json_schema": asked}
    elif spec.logprobs and request.labels:
        body |= {"logprobs": True, "top_logprobs": _TOP}
    return body


def reply_of(spec: ModelSpec, done: Any, request: Request) -> Reply:
    """What a `ChatCompletion` says; raises `Passing` where it says nothing."""
    if not getattr(done, "choices", None):
        raise Passing(f"openai model {spec.path!r} gave no choices in its answer")
    choice, usage = done.choices[0], done.usage
    refusal = getattr(choice.message, "refusal", None)
    return Reply(
        choice.message.content or "",
        usage.prompt_tokens if usage else 0,
        usage.completion_tokens if usage else 0,
        "refusal" if refusal else _STOPS.get(choice.finish_reason, ""),
        label_probs(request.labels, _first_tokens(choice)),
        _thought(choice.message),
    )


def _effort(tokens: int) -> str:
    """The API takes no number of tokens: the limit of the whole reply holds them."""
    if not tokens:
        return "none"
    return "low" if tokens <= 1024 else "medium" if tokens <= 8192 else "high"


def _thought(message: Any) -> str:
    """Told by other servers alone: vLLM, SGLang and llama.cpp, under either name."""
    names = ("reasoning_content", "reasoning")
    told = [found for name in names if isinstance(found := getattr(message, name, None), str)]
    return told[0] if told else ""


def _item(item: str | bytes) -> dict[str, Any]:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{base64_of(item)}"}}


def _first_tokens(choice: Any) -> dict[str, float]:
    told = choice.logprobs.content if choice.logprobs else None
    return {top.token: math.exp(top.logprob) for top in told[0].top_logprobs} if told else {}

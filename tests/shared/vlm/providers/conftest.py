from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import tiny_llava
from provider_server import KEY, ProviderServer, provider_server

from shared.video import Frame, encode_jpeg
from shared.vlm import ModelSpec
from shared.vlm.providers import PROVIDERS
from shared.vlm.providers.anthropic_messages import AnthropicMessages
from shared.vlm.providers.google_gemini import GoogleGemini
from shared.vlm.providers.openai_chat import OpenAiChat
from shared.vlm.providers.vlm import Backoff, ProviderVlm

Make = Callable[..., ProviderVlm]
BACKENDS = {"openai": OpenAiChat, "anthropic": AnthropicMessages, "google": GoogleGemini}


@pytest.fixture(params=sorted(PROVIDERS))
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = str(request.param)
    for other in PROVIDERS.values():
        for key in other.keys:
            monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv(PROVIDERS[name].keys[0], KEY)
    return name


@pytest.fixture
def server(provider: str) -> Iterator[ProviderServer]:
    with provider_server(provider, lambda texts: "B.") as running:
        yield running
    assert not running.malformed


@pytest.fixture
def make(provider: str, server: ProviderServer) -> Make:
    """A model behind the server, with short pauses."""

    def made(**settings: object) -> ProviderVlm:
        spec = ModelSpec.model_validate(
            {
                "backend": provider,
                "path": "some-model",
                "base_url": server.base_url,
                "timeout_s": 20.0,
                **settings,
            }
        )
        return ProviderVlm(spec, BACKENDS[provider](spec), backoff=Backoff(first_s=0.01, most_s=0.02))

    return made


@pytest.fixture
def frames() -> list[Frame]:
    return [Frame(i, i / 2, encode_jpeg(image, quality=90)) for i, image in enumerate(tiny_llava.images(3))]

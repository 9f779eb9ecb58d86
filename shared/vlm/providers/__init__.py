"""Models behind an API: `openai` (any server that speaks its protocol), `anthropic` and `google`.

They write, and give no label logits; the answer's text is read afterwards. Keys come from the environment only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.vlm.providers.facts import PROVIDERS
from shared.vlm.spec import ModelSpec

if TYPE_CHECKING:
    from shared.vlm.base import Vlm

__all__ = [
    "PROVIDERS",  # what is known of each, by backend name
    "load_anthropic",  # the Messages API
    "load_google",  # the Gemini API
    "load_openai",  # chat completions
]


def load_openai(spec: ModelSpec) -> Vlm:
    """A model of OpenAI, or of a server that speaks its chat protocol; raises `ModelError`."""
    from shared.vlm.providers.openai_chat import OpenAiChat
    from shared.vlm.providers.vlm import ProviderVlm

    return ProviderVlm(spec, OpenAiChat(spec))


def load_anthropic(spec: ModelSpec) -> Vlm:
    """A model of Anthropic; raises `ModelError`."""
    from shared.vlm.providers.anthropic_messages import AnthropicMessages
    from shared.vlm.providers.vlm import ProviderVlm

    return ProviderVlm(spec, AnthropicMessages(spec))


def load_google(spec: ModelSpec) -> Vlm:
    """A Gemini model; raises `ModelError`."""
    from shared.vlm.providers.google_gemini import GoogleGemini
    from shared.vlm.providers.vlm import ProviderVlm

    return ProviderVlm(spec, GoogleGemini(spec))

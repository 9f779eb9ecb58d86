"""What differs between providers before any request is sent: SDK, address, and the variables that hold a key."""

from __future__ import annotations

import importlib
import os
from typing import Any, NamedTuple

from shared.errors import ModelError
from shared.vlm.spec import ModelSpec

__all__ = ["PROVIDERS", "Connection", "Provider", "api_key", "provider_of", "sdk"]


class Provider(NamedTuple):
    """One provider."""

    name: str
    """Of its backend, and of the extra that installs its SDK."""
    module: str
    """Of the SDK."""
    url: str
    """Where requests go unless `base_url` says otherwise; SDKs are not left to read it from the environment."""
    keys: tuple[str, ...]
    """Environment variables that may hold the key, the first one first."""


class Connection(NamedTuple):
    """A way to a provider: its SDK, with the SDK's own retries off."""

    spec: ModelSpec
    key: str
    sdk: Any
    """The module."""
    client: Any
    """Thread-safe."""


PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider("openai", "openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",)),
        Provider("anthropic", "anthropic", "https://api.anthropic.com", ("ANTHROPIC_API_KEY",)),
        Provider(
            "google",
            "google.genai",
            "https://generativelanguage.googleapis.com/",
            ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        ),
    )
}


def provider_of(spec: ModelSpec) -> Provider:
    """The provider of a model; raises `ModelError` where the name of its model is missing."""
    provider = PROVIDERS[spec.backend]
    if spec.path in ("", "tiny-s1", "tiny-s2"):
        text = f"backend {spec.backend!r} has no model {spec.path!r}"
        raise ModelError(f"{text}: set `path` to the provider's name of a model that sees images")
    return provider


def sdk(provider: Provider) -> Any:
    """The provider's SDK; raises `ModelError` that names the extra."""
    try:
        return importlib.import_module(provider.module)
    except ImportError as error:
        raise ModelError(
            f"model backend {provider.name!r} needs its SDK ({error}): "
            f"pip install 'dualstreambench[{provider.name}]'"
        ) from error


def api_key(provider: Provider, spec: ModelSpec) -> str:
    """The key from the environment; a server of one's own may need none. Raises `ModelError`."""
    for name in provider.keys:
        if key := os.environ.get(name, "").strip():
            return key
    if spec.base_url:
        return "none"
    raise ModelError(
        f"model backend {provider.name!r} needs a key: set {' or '.join(provider.keys)} in the environment"
    )

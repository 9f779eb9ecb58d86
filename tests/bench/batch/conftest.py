from __future__ import annotations

from collections.abc import Iterator

import batch_kit
import pytest
from batch_server import BatchServer, batch_server
from provider_server import KEY

from shared.vlm.providers import PROVIDERS


@pytest.fixture(params=sorted(PROVIDERS))
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in PROVIDERS.values():
        for name in known.keys:
            monkeypatch.setenv(name, KEY)


@pytest.fixture
def server(provider: str) -> Iterator[BatchServer]:
    """The batch API of a provider."""
    with batch_server(provider, batch_kit.says) as running:
        yield running
    assert not running.malformed


@pytest.fixture
def openai() -> Iterator[BatchServer]:
    """One of them, for what is the same with all."""
    with batch_server("openai", batch_kit.says) as running:
        yield running
    assert not running.malformed

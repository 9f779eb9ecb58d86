from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qdrant_http import qdrant_http

from shared.memory import VectorStore, open_store

Opener = Callable[..., VectorStore]


@pytest.fixture(scope="session")
def qdrant_url() -> Iterator[str]:
    with qdrant_http() as (url, _):
        yield url


@pytest.fixture(params=["memory", "edge", "server"])
def opener(request: pytest.FixtureRequest, tmp_path: Path, qdrant_url: str) -> Iterator[Opener]:
    """Opens a fresh, empty store of each kind; closes what it opened."""
    opened: list[VectorStore] = []
    urls = {"memory": "memory:", "edge": f"edge:{tmp_path / 'edge'}", "server": qdrant_url}

    def open_one(dim: int = 24) -> VectorStore:
        store = open_store(urls[request.param], collection=f"c-{tmp_path.name}", dim=dim)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()

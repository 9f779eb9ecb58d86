from __future__ import annotations

from typing import Any

import pytest
from stack_kit import Kit, answers

from bench.data.synth import Recipe
from bench.run.records import Final


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """Four short videos, so that four openings play at once."""
    recipe = Recipe(seed=1, videos=4, parts=("realtime", "reasoning"), per_video=2, duration_s=(16.0, 40.0))
    return Kit(tmp_path_factory.mktemp("stack"), recipe)


@pytest.fixture(scope="session")
def offline(kit: Kit) -> dict[Final, dict[str, Any]]:
    """What the plain way answers."""
    return answers(kit.run("offline", stream__mode="offline"))

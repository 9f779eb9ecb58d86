from __future__ import annotations

from pathlib import Path

import pytest
import tiny_llava

from shared.vlm import ModelSpec, load_vlm
from shared.vlm.engine import LocalVlm


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llava.save(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture(scope="session")
def vlm(checkpoint: Path) -> LocalVlm:
    loaded = load_vlm(ModelSpec(path=str(checkpoint)))
    assert isinstance(loaded, LocalVlm)
    return loaded

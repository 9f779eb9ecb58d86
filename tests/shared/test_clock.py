from __future__ import annotations

import time
from pathlib import Path

import pytest

from shared.clock import wall


def test_the_wall_clock_is_the_machines() -> None:
    assert abs(wall() - time.time()) < 1.0


def test_a_named_file_says_how_far_the_clock_has_jumped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clock"
    monkeypatch.setenv("DSB_CLOCK_FILE", str(file))
    assert abs(wall() - time.time()) < 1.0
    file.write_text("-3600")
    assert abs(wall() - time.time() + 3600) < 1.0

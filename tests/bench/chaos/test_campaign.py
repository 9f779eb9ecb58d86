"""A folder of plans that were played: gone on with only by the same code and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.chaos.backend import Backend
from bench.chaos.campaign import campaign
from bench.run.config import load_config
from shared.errors import ConfigError


def never() -> Backend:
    raise AssertionError("nothing is to be played")


def test_plans_of_other_settings_are_not_taken_for_these(tmp_path: Path) -> None:
    config, env = load_config(None), {"DSB_LEASE_TTL_S": "2"}
    for _ in range(2):
        assert campaign(config, tmp_path, never, plans=0, seed=1, env=env) == []
    with pytest.raises(ConfigError, match=r"plans of other env: .*--out"):
        campaign(config, tmp_path, never, plans=0, seed=1)
    other = config.override({"dataset.max_samples": 3})
    with pytest.raises(ConfigError, match="plans of other config"):
        campaign(other, tmp_path, never, plans=0, seed=1, env=env)


def test_plans_of_other_code_are_not_taken_for_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign(load_config(None), tmp_path, never, plans=0, seed=1)
    monkeypatch.setattr("bench.chaos.campaign.running_code", lambda: {"revision": "another"})
    with pytest.raises(ConfigError, match="plans of other code"):
        campaign(load_config(None), tmp_path, never, plans=0, seed=1)

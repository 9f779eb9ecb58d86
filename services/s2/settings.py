"""Settings of the S2 worker, from `DSB_*`; the model's own are nested: `DSB_MODEL__PATH=tiny-s2`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings
from shared.vlm.spec import ModelSpec

__all__ = ["S2Settings"]


class S2Settings(ServiceSettings):
    """What the slow system needs beside the common settings."""

    model_config = SettingsConfigDict(
        env_prefix="DSB_", env_nested_delimiter="__", env_parse_none_str="null", extra="ignore"
    )

    model: ModelSpec = ModelSpec(path="tiny-s2")
    slots: Annotated[int, Field(ge=1)] = 1
    """Jobs worked on at once; never more are fetched."""
    max_attempts: Annotated[int, Field(ge=1)] = 3
    """Workers that may die on a job before it becomes a dead letter."""
    live_memory_s: Annotated[float, Field(gt=0)] = 5.0
    """How long a live answer waits for memory before it goes on without notes."""
    capacity_memory_s: Annotated[float, Field(gt=0)] = 45.0
    """The same in capacity mode, where a restart of memory must change no answer."""
    logs_kept: Annotated[int, Field(ge=1)] = 64
    """Openings whose frame index is remembered between jobs."""

"""Settings of the S1 worker, from `DSB_*`; the model's own are nested: `DSB_MODEL__PATH=tiny-s1`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings
from shared.vlm.spec import ModelSpec

__all__ = ["S1Settings"]


class S1Settings(ServiceSettings):
    """What the fast system needs beside the common settings."""

    model_config = SettingsConfigDict(
        env_prefix="DSB_", env_nested_delimiter="__", env_parse_none_str="null", extra="ignore"
    )

    model: ModelSpec = ModelSpec(path="tiny-s1")
    slots: Annotated[int, Field(ge=1)] = 8
    """Openings owned at once; a full worker takes no more."""
    max_attempts: Annotated[int, Field(ge=1)] = 3
    """Owners that may die on a question before it becomes a dead letter."""
    live_buffer: Annotated[int, Field(ge=1)] = 8
    """Frames that may wait to be encoded (live mode); beyond it the oldest are dropped."""
    live_memory_s: Annotated[float, Field(gt=0)] = 5.0
    """How long notes may wait for memory in live mode; then they are kept and sent when it is back."""
    capacity_memory_s: Annotated[float, Field(gt=0)] = 45.0
    """The same in capacity mode, where everything else waits with them."""
    tick_max_age_s: Annotated[float, Field(gt=0)] = 5.0
    """A tick of a standing question that waited longer in S2's queue is dropped (live mode)."""
    beat_s: Annotated[float, Field(gt=0)] = 0.5
    """How often the consumed index is told to the reader again."""

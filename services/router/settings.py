"""Settings of the router, from `DSB_*`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.routing import DECIDE_S
from shared.settings import ServiceSettings

__all__ = ["RouterSettings"]


class RouterSettings(ServiceSettings):
    """What the router needs beside the common settings."""

    concurrency: Annotated[int, Field(ge=1)] = 64
    """Asks handled at once."""
    decide_s: Annotated[float, Field(gt=0, le=12)] = DECIDE_S
    """Wall-clock seconds that a policy may take for a decision; then the shipped rules decide."""
    sweep_s: Annotated[float, Field(gt=0)] = 2.0
    """How often openings without an owner are looked for, beside the watch on their leases."""
    unread_close_s: Annotated[float, Field(gt=0)] = 900.0
    """An opening that no reader has held for so long, and that is not kept, is closed: its bench is gone as well."""
    job_max_age_s: Annotated[float, Field(gt=0)] = 30.0
    """A job that waited longer in the queue is dropped (live mode)."""
    watch_s: Annotated[float, Field(gt=0)] = 5.0
    """How often the depth of the work queue is read for the metrics."""

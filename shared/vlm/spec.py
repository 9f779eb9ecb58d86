"""Which model to load, and how: the `model` section of a run and of a worker's settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ModelSpec"]


class ModelSpec(BaseModel):
    """One model as a user asks for it; imports no model library."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str = "llava"
    """A built-in family, or a name of the entry point group `dualstreambench.vlm`."""
    path: str = "tiny-s1"
    """A model that ships with the package, by name, or a checkpoint folder."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Equality of cached and plain forward passes is promised for `float32` only."""
    device: str = "cpu"
    """Where it runs, as torch names it: `cpu`, `cuda`, `cuda:1`, `mps`."""
    threads: Annotated[int, Field(ge=1)] = 1
    """CPU threads of one forward pass; a setting of the whole process."""
    random_weights: Annotated[int, Field(ge=0)] | None = None
    """Seed for random weights in the same architecture: a negative control, and its name says so."""
    temperature: Annotated[float, Field(gt=0)] | None = None
    """Divides label logits before the softmax; by default that of `dsb.json` in the folder, else 1."""
    prefix_budget_mb: Annotated[int, Field(ge=0)] = 1024
    """Room for the computed prefixes of all streams, MiB; the least recently used one goes first."""

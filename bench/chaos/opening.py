"""The backend that a plan names, for a run's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.chaos.backend import Backend
from bench.chaos.compose import Compose
from bench.chaos.embedded import Embedded
from bench.chaos.kubernetes import Kubernetes
from bench.chaos.plan import BackendName
from bench.run.config import RunConfig

__all__ = ["open_backend"]


def open_backend(
    name: BackendName,
    config: RunConfig,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    counts: Mapping[str, int] | None = None,
    small_disk: bool = False,
) -> Backend:
    """A backend that is not started yet; raises `ConfigError` when it can't be had here.

    `folder` is for what it writes; `env`, `counts` and `small_disk` are the embedded one's.
    """
    if name == "compose":
        return Compose(folder)
    if name == "kubernetes":
        return Kubernetes()
    return Embedded(config, folder, env=env, counts=counts, small_disk=small_disk)

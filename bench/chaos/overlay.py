"""What is laid over a compose stack so that it can be harmed: switches in every container, and a small disk.

The broker's store is on a volume of its own meanwhile, in memory and of bounded size. Such a volume lasts as long as
a container holds it, so one does nothing else; through that one the disk is filled, too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from bench.chaos.plan import BENCH, BROKER
from bench.chaos.switches import environment
from bench.files import write_atomic
from shared.errors import ConfigError
from shared.service import SERVICES

__all__ = ["BALLAST", "DISK", "SMALL_DISK", "STORE", "compose_environment", "write_overlay"]

DISK = "chaos-disk"
"""The service that holds the broker's store."""
BALLAST = "/data/.ballast"
"""What fills it, as a container of `DISK` sees it."""
STORE = "chaos-store"
"""Its volume."""
SMALL_DISK = {"DSB_FRAMES_MAX_BYTES": "64000000"}
"""What streams may reserve on a small disk: a setting of who makes them."""
_SIZE_MB = 512
_SEEN = "/switches"


def write_overlay(file: Path, *, switches: Path, broker_image: str) -> None:
    """Write the compose file that goes over the others; paths in it are of this machine."""
    harmed = {name: _harmed(name, switches) for name in (*SERVICES, BENCH)}
    store = {"volumes": [f"{STORE}:/data"]}
    disk = {
        "image": broker_image,
        "entrypoint": ["sleep", "infinity"],
        "user": "10001:10001",
        "read_only": True,
        "cap_drop": ["ALL"],
        "stop_grace_period": "0s",
        "healthcheck": {"test": ["CMD", "test", "-d", "/data"], "interval": "2s"},
        **store,
    }
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={_SIZE_MB}m,uid=10001,gid=10001"}
    whole: dict[str, Any] = {
        "services": {
            **harmed,
            DISK: disk,
            BROKER: {**store, "depends_on": [DISK]},
            "init": {"environment": SMALL_DISK},
        },
        "volumes": {STORE: {"driver_opts": options}},
    }
    write_atomic(file, yaml.safe_dump(whole).encode())


def _harmed(service: str, switches: Path) -> dict[str, Any]:
    return {
        # A process that is the first of its container can't stop itself.
        "init": True,
        "environment": environment(_SEEN, service),
        "volumes": [f"{switches}:{_SEEN}"],
    }


def compose_environment(overlay: Path) -> dict[str, str]:
    """The environment in which `docker compose` sees the overlay, too.

    Raises `ConfigError` where it would not see the project.
    """
    files = os.environ.get("COMPOSE_FILE") or "docker-compose.yml"
    parts = files.split(os.environ.get("COMPOSE_PATH_SEPARATOR", os.pathsep))
    if missing := [part for part in parts if not Path(part).exists()]:
        raise ConfigError(
            f"no {missing[0]} is here ({Path.cwd()}): go to the folder of docker-compose.yml, or set COMPOSE_FILE"
        )
    return {
        **os.environ,
        "COMPOSE_FILE": os.pathsep.join([*parts, str(overlay)]),
        "COMPOSE_PATH_SEPARATOR": os.pathsep,
    }

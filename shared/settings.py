"""Settings from the environment: prefix `DSB_`, one class a service, each a subclass of `ServiceSettings`.

`describe` gives them with secrets masked, for the start of a log and for a run's manifest.
"""

from __future__ import annotations

import os
import socket
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigError
from shared.masking import mask

__all__ = ["BusSettings", "ServiceSettings", "describe", "load", "worker_name"]


S = TypeVar("S", bound=BaseSettings)


class BusSettings(BaseSettings):
    """How to reach the broker, and the bounds of what is stored there."""

    model_config = SettingsConfigDict(env_prefix="DSB_", extra="ignore")

    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str = ""
    """Also names the inbox prefix, `_INBOX_<user>`; empty without authentication."""
    nats_password: SecretStr = SecretStr("")
    nats_nkey_seed: SecretStr = SecretStr("")
    """The seed of an nkey (`SU…`), in place of a password."""
    nats_nkey_seed_file: str = ""
    """A file with that seed alone."""
    nats_tls_ca: str = ""
    """PEM file of who signed the broker's certificate; empty: whom the machine trusts. Given, TLS is a must."""
    nats_tls_cert: str = ""
    """Our own certificate, where the broker asks for one (mutual TLS)."""
    nats_tls_key: str = ""
    """Its key."""
    connect_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    """How long the first connection may take before it counts as no broker."""
    request_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    lease_ttl_s: Annotated[float, Field(ge=1)] = 6.0
    """Owner and reader leases; used by `dsb init` for the buckets, renewed every third of it."""
    frames_max_per_stream: Annotated[int, Field(ge=16)] = 4096
    frames_max_bytes: int = 1_000_000_000
    frames_live_max_age_s: Annotated[float, Field(gt=0)] = 900.0
    answers_max_age_s: Annotated[float, Field(gt=0)] = 7 * 86_400.0
    """How long the broker keeps answers; a bench that was away so long asks again. Used by `dsb init` alone."""
    asks_max_age_s: Annotated[float, Field(gt=0)] = 86_400.0
    """How long it keeps standing questions, and how often a question was tried; used by `dsb init` alone."""
    stream_replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """Servers of a broker cluster that keep each stream and bucket; used by `dsb init` alone."""
    jobs_max: Annotated[int, Field(ge=1)] = 1000
    job_ack_wait_s: Annotated[float, Field(gt=0)] = 30.0
    """A job whose worker is silent for so long is given to another one."""


class ServiceSettings(BusSettings):
    """What every service has."""

    name: str = ""
    """Worker name in leases, answers and logs; made from host and process when empty."""
    health_host: str = "127.0.0.1"
    health_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """`/livez /readyz /metrics` over HTTP; 0 takes a free port and logs it."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    drain_s: Annotated[float, Field(ge=0)] = 20.0
    """How long a graceful stop may take."""


def load(cls: type[S], **overrides: Any) -> S:
    """Settings from the environment; raises `ConfigError` that names the variable at fault."""
    try:
        return cls(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = "DSB_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(f"{name}={mask(first.get('input'), name)!r}: {first['msg']}") from error


def describe(settings: BaseSettings) -> dict[str, Any]:
    """Every setting by name, secrets masked: also those inside addresses."""
    return {
        key: "***"
        if isinstance(value, SecretStr) and value.get_secret_value()
        else ("" if isinstance(value, SecretStr) else mask(value, key))
        for key, value in settings
    }


def worker_name(service: str, name: str) -> str:
    """`name`, or `<service>-<host>-<pid>`."""
    return name or f"{service}-{socket.gethostname()}-{os.getpid()}"

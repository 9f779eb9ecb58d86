"""Policy files are data: JSON that is checked before it is used, never code. And the encoder that policies share."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.errors import ConfigError

if TYPE_CHECKING:
    from shared.memory import Encoder

__all__ = ["fitted_on", "forget_texts", "kind_of_file", "read_policy", "shared_encoder", "why_unread"]

M = TypeVar("M", bound=BaseModel)
_REMEDY = "`dsb route train` writes such files"
_encoders: dict[str, Encoder] = {}


def read_policy(path: str | FilePath, model: type[M], *, shipped: str = "") -> M:
    """A policy file; the one that ships as `shipped` where `path` is empty. Raises `ConfigError`."""
    data = _json(path) if path else json.loads(files("shared.routing").joinpath(shipped).read_text("utf-8"))
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ConfigError(f"policy file {path}: {where}: {first['msg']}; {_REMEDY}") from error


def kind_of_file(path: str | FilePath) -> str:
    """`semantic`, `learned`, or empty when the file doesn't say; raises `ConfigError`."""
    data = _json(path)
    return str(data.get("kind", "")) if isinstance(data, dict) else ""


def fitted_on(path: str | FilePath) -> frozenset[str]:
    """Marks of the videos that a policy file was fitted on; none where it doesn't say. Raises `ConfigError`."""
    data = _json(path)
    trained = data.get("trained") if isinstance(data, dict) else None
    found = trained.get("video_marks") if isinstance(trained, dict) else None
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


def shared_encoder(name: str) -> Encoder:
    """The sentence encoder of that name, loaded once a process; raises `ModelError`."""
    from shared.memory import load_encoder

    if name not in _encoders:
        _encoders[name] = load_encoder(name)
    return _encoders[name]


def forget_texts() -> None:
    """Let encoders forget what they embedded, so that each policy is timed as if it were the only one."""
    for encoder in _encoders.values():
        encoder.forget()


def why_unread(error: Exception) -> str:
    """Why a file can't be read, in words: neither numbers of the system's nor the path a second time."""
    if isinstance(error, FileNotFoundError):
        return "is not there"
    said = (error.strerror or type(error).__name__).lower() if isinstance(error, OSError) else str(error)
    return f"can't be read ({' '.join(said.split())[:160]})"


def _json(path: str | FilePath) -> Any:
    try:
        return json.loads(FilePath(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"policy file {path}: {why_unread(error)}; {_REMEDY}") from error

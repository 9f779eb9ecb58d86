"""Checkpoint folders: those that ship with the package, and the user's own. Imports no model library.

A folder holds `config.json`, safetensors weights, a tokenizer with a chat template, an image processor and,
if it was calibrated, `dsb.json` with a `temperature` (and a `word_temperature`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from shared.errors import ModelError
from shared.vlm.spec import ModelSpec

__all__ = ["Checkpoint", "fingerprint", "open_checkpoint", "shipped"]


_NOT_HASHED = ("dsb.json", "dsb-fetch.json")
_SHAPES = ("attn_implementation", "device_map", "quantization")
_ANSWERS = (
    "answering", "structured", "thinking_tokens", "max_tokens", "stop", "sampling_temperature", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A folder that was found to be a checkpoint."""

    name: str
    """For records: never a path of this machine."""
    folder: Path
    model_type: str
    temperature: float
    """Of choices among option keys."""
    word_temperature: float
    """Of choices in which words stand: yes or no, a letter or wait."""


def _weights() -> Path:
    return Path(str(files("shared.vlm"))) / "weights"


def shipped() -> list[str]:
    """Names of the models that ship with the package."""
    return sorted(path.parent.name for path in _weights().glob("*/config.json"))


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds no JSON object")
    return value


def _folder(path: str) -> Path:
    own = Path(path).expanduser()
    folder = _weights() / path if path in shipped() else own
    if not folder.is_dir():
        names = ", ".join(shipped()) or "none"
        raise ModelError(f"no model at {path!r}: give a checkpoint folder, or a shipped model ({names})")
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise ModelError(f"{path!r} is no checkpoint: it needs config.json and *.safetensors")
    return folder


def _temperatures(folder: Path, spec: ModelSpec) -> tuple[float, float]:
    if spec.temperature is not None:
        return spec.temperature, spec.temperature
    path = folder / "dsb.json"
    held = _object(path) if path.is_file() else {}
    temperature = _above_zero(path, "temperature", held.get("temperature", 1.0))
    return temperature, _above_zero(path, "word_temperature", held.get("word_temperature", temperature))


def _above_zero(path: Path, name: str, value: object) -> float:
    if not isinstance(value, int | float) or not value > 0:
        raise ModelError(f"{path}: {name} {value!r} must be a number above 0")
    return float(value)


def open_checkpoint(spec: ModelSpec, *, model_types: tuple[str, ...]) -> Checkpoint:
    """Find the folder of `spec.path`; raises `ModelError` unless it holds one of `model_types`."""
    folder = _folder(spec.path)
    model_type = str(_object(folder / "config.json").get("model_type"))
    if model_type not in model_types:
        raise ModelError(
            f"{spec.path!r} holds a model of type {model_type!r}: "
            f"backend {spec.backend!r} loads {', '.join(model_types)}"
        )
    name = folder.resolve().name
    if spec.random_weights is not None:
        name = f"{name}!random{spec.random_weights}"
    return Checkpoint(name, folder, model_type, *_temperatures(folder, spec))


def fingerprint(checkpoint: Checkpoint, spec: ModelSpec, *, wording: str) -> str:
    """16 hex digits over the files and settings that shape an answer, and the prompt's `wording`."""
    digest = hashlib.sha256()
    for path in sorted(checkpoint.folder.iterdir()):
        if (
            path.suffix in {".json", ".jinja", ".safetensors", ".model", ".txt"}
            and path.name not in _NOT_HASHED
        ):
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    heat = [checkpoint.temperature, checkpoint.word_temperature]
    further = spec.model_dump(include={*_SHAPES, *_ANSWERS}, exclude_defaults=True)
    settings = [
        spec.backend,
        spec.dtype,
        spec.random_weights,
        *heat,
        wording,
        *([further] if further else []),
    ]
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()[:16]

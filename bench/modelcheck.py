"""`dsb models check`: whether a model will run here, how large it is, and how long one frame and one question take.

The estimate errs on the safe side; a model that does not fit by it is not loaded, so that no machine runs out of
memory for the sake of a check.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared.errors import DsbError, ModelError
from shared.vlm import ModelSpec, PromptParts, backends, load_vlm
from shared.vlm.checkpoint import Checkpoint, open_checkpoint

__all__ = ["ACTIVATIONS", "CONTEXT", "Report", "check_model"]

CONTEXT = 4096
"""Tokens of the prompt that the estimate leaves room for, or the model's context, if that is shorter."""
ACTIVATIONS = 1.2
"""The estimate is this many times the weights, and the cache of a prompt of `CONTEXT` tokens."""
_BITS = {"int8": 8.0, "nf4": 4.5}
"""Of one quantized weight; nf4 keeps a float32 scale for every 64 of them."""
_QUESTION = "What do you see?"


class Report(BaseModel):
    """What was found; sizes in bytes, times in wall-clock seconds. What was not got as far as is null."""

    path: str
    kind: str = ""
    """`vlm` or `encoder` (of the memory's notes)."""
    model_type: str = ""
    backend: str = ""
    parameters: int | None = None
    vision_parameters: int | None = None
    """Of them, beside the language model: tower and projector."""
    disk_bytes: int | None = None
    stored: dict[str, int] = {}
    """Parameters on disk by dtype, as safetensors names it."""
    dtype: str = ""
    device: str = ""
    quantization: str = "none"
    need_bytes: int | None = None
    free_bytes: int | None = None
    load_s: float | None = None
    encode_s: float | None = None
    """One frame of 448 × 448 through tower and projector; for an encoder, one sentence."""
    answer_s: float | None = None
    """One question about that frame, up to 8 tokens."""
    prompt_tokens: int | None = None
    answer: str = ""
    runs: bool = False
    error: str = ""
    """Why it does not run, and the remedy, in one line."""


def check_model(spec: ModelSpec, *, backend: str | None = None) -> Report:
    """Look at a model, and run it if it fits; never raises for a model that won't run, the report says why."""
    report = Report(path=spec.path, device=spec.device, quantization=spec.quantization)
    try:
        if (Path(spec.path).expanduser() / "modules.json").is_file():
            _check_encoder(report, spec)
        else:
            _check_vlm(report, spec, backend)
    except DsbError as error:
        report.error = str(error)
    return report


def _check_vlm(report: Report, spec: ModelSpec, backend: str | None) -> None:
    types = _types()
    checkpoint = open_checkpoint(
        spec.model_copy(update={"backend": backend or "any"}), model_types=tuple(types)
    )
    report.kind = "vlm"
    report.model_type, report.backend = checkpoint.model_type, backend or types[checkpoint.model_type]
    _stored(report, checkpoint.folder)
    spec = spec.model_copy(update={"backend": report.backend})
    _estimate(report, checkpoint, spec)
    _fits(report)
    _run(report, spec)


def _types() -> dict[str, str]:
    """Backend by model type, of those that name their `MODEL_TYPES`."""
    found: dict[str, str] = {}
    for name, point in backends().items():
        try:
            loader = point.load()
        except (ImportError, AttributeError):
            continue  # another distribution's, and broken; `load_vlm` says so to whoever asks for it
        module = sys.modules[loader.__module__]
        for model_type in getattr(module, "MODEL_TYPES", ()):
            found.setdefault(model_type, name)
    return found


def _stored(report: Report, folder: Path) -> None:
    """Sizes by the headers of the safetensors files: nothing is loaded."""
    files, counted = sorted(folder.glob("*.safetensors")), Counter[str]()
    for file in files:
        for tensor in _header(file).values():
            count = 1
            for side in tensor["shape"]:
                count *= side
            counted[tensor["dtype"]] += count
    report.disk_bytes, report.stored = sum(file.stat().st_size for file in files), dict(counted)
    report.parameters = sum(counted.values())


def _header(file: Path) -> dict[str, Any]:
    # The format: 8 bytes of length, little-endian, then JSON: https://github.com/huggingface/safetensors
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > file.stat().st_size:
                raise ValueError(f"a header of {length} bytes")
            held: dict[str, Any] = json.loads(opened.read(length))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file.name} is no whole safetensors file ({error}): fetch it again") from error
    held.pop("__metadata__", None)
    return held


def _estimate(report: Report, checkpoint: Checkpoint, spec: ModelSpec) -> None:
    from shared.vlm.placement import dtype_of, quantizable, skeleton

    try:
        bare = skeleton(checkpoint)
    except Exception as error:  # whatever the library says of a config that it can't build
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{spec.path!r}: its config makes no model: {reason}; fetch it again") from error
    dtype = dtype_of(bare.config, spec)
    report.dtype, size = str(dtype).removeprefix("torch."), dtype.itemsize
    report.parameters = sum(weight.numel() for weight in bare.parameters())
    beside = [
        part for name, part in bare.model.named_children() if name not in ("language_model", "text_model")
    ]
    report.vision_parameters = sum(weight.numel() for part in beside for weight in part.parameters())
    weights = report.parameters * size
    if spec.quantization != "none":
        small = sum(layer.weight.numel() for _, layer in quantizable(bare))
        weights -= int(small * (size - _BITS[spec.quantization] / 8))
    report.need_bytes = int(weights * ACTIVATIONS) + _cache_bytes(bare.config.get_text_config(), size)
    report.free_bytes = _free(spec.device)


def _cache_bytes(text: Any, size: int) -> int:
    """Keys and values of one prompt."""
    heads = int(getattr(text, "num_key_value_heads", None) or text.num_attention_heads)
    width = int(getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads)
    tokens = min(CONTEXT, int(text.max_position_embeddings))
    return 2 * int(text.num_hidden_layers) * heads * width * size * tokens


def _free(device: str) -> int:
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def _fits(report: Report) -> None:
    need, free = report.need_bytes or 0, report.free_bytes or 0
    if need > free:
        raise ModelError(
            f"it needs about {need / 1e9:.1f} GB on {report.device!r}, and {free / 1e9:.1f} GB are free: "
            "use a smaller dtype, quantization or model, or another device"
        )


def _run(report: Report, spec: ModelSpec) -> None:
    import numpy as np

    started = time.perf_counter()
    vlm = load_vlm(spec)
    report.load_s = _since(started)
    pictures = [np.random.default_rng(0).integers(0, 255, (448, 448, 3), dtype=np.uint8)] * vlm.unit_frames
    started = time.perf_counter()
    unit = vlm.encode(pictures, [0.0] * vlm.unit_frames, 0)
    report.encode_s = _since(started)
    started = time.perf_counter()
    said = vlm.generate(PromptParts((unit,), question=_QUESTION), max_new_tokens=8)
    report.answer_s, report.answer, report.prompt_tokens = _since(started), said.text, said.prompt_tokens
    report.runs = True


def _check_encoder(report: Report, spec: ModelSpec) -> None:
    from shared.memory.encoder import load_encoder

    report.kind, report.dtype = "encoder", "float32"
    folder = Path(spec.path).expanduser()
    _stored(report, folder)
    report.need_bytes = int((report.parameters or 0) * 4 * ACTIVATIONS)
    report.free_bytes = _free(spec.device)
    _fits(report)
    started = time.perf_counter()
    encoder = load_encoder(str(folder), threads=spec.threads, device=spec.device)
    report.load_s = _since(started)
    started = time.perf_counter()
    encoder.encode(_QUESTION)
    report.encode_s, report.runs = _since(started), True


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 4)

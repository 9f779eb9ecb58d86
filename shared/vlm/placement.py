"""Where and how a model's weights are held: dtype, attention, devices, quantization; and what out of memory looks like.

Quantization turns the linear layers of the language model into 8 or 4 bits. The vision tower, the projector and
the output layer stay as they are: they are small, and they suffer most.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

import torch
import transformers

from shared.errors import ModelError
from shared.vlm.checkpoint import Checkpoint
from shared.vlm.spec import ModelSpec

__all__ = ["dtype_of", "kept_whole", "loading_options", "out_of_memory", "placed", "quantizable", "skeleton"]

_hf: Any = transformers  # its stubs are partial
_LANGUAGE = ("language_model", "text_model")
_BLOCK = 64
"""Weights that share a scale in nf4; single rows go wrong on a CPU where a row is no whole number of blocks."""
_SIGNS = ("allocate memory", "out of memory", "bad_alloc", "not enough memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether it says that there was no room: of CUDA, MPS, the CPU allocator or Python."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        sign in str(error) for sign in _SIGNS
    )


def dtype_of(config: Any, spec: ModelSpec) -> torch.dtype:
    """The dtype of what is not quantized; `auto` is that of the checkpoint, float32 if it names none."""
    if spec.dtype != "auto":
        named: torch.dtype = getattr(torch, spec.dtype)
        return named
    found = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    return found if isinstance(found, torch.dtype) else torch.float32


def skeleton(checkpoint: Checkpoint) -> Any:
    """The model without its weights: on torch's `meta` device, which takes no memory."""
    config = _hf.AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True)
    with torch.device("meta"):
        return _hf.AutoModelForImageTextToText.from_config(config)


def kept_whole(model: Any) -> list[str]:
    """Modules that are never quantized, by name: all but the language model."""
    beside = [name for name, _ in model.model.named_children() if name not in _LANGUAGE]
    return [*(f"model.{name}" for name in beside), "lm_head"]


def quantizable(model: torch.nn.Module) -> list[tuple[str, torch.nn.Linear]]:
    """The linear layers that quantization takes, by name."""
    whole = tuple(kept_whole(model))
    return [
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and not name.startswith(whole)
    ]


def loading_options(checkpoint: Checkpoint, spec: ModelSpec) -> dict[str, Any]:
    """What `from_pretrained` is told; raises `ModelError` when a package is missing."""
    options: dict[str, Any] = {"dtype": "auto" if spec.dtype == "auto" else getattr(torch, spec.dtype)}
    if spec.attn_implementation is not None:
        options["attn_implementation"] = spec.attn_implementation
    if spec.device_map is not None:
        _require(f"device_map {spec.device_map!r}", "accelerate")
        options["device_map"] = spec.device_map
    if spec.quantization != "none":
        _require(f"quantization {spec.quantization!r}", "bitsandbytes", "accelerate")
        options.setdefault("device_map", {"": spec.device})
        options["quantization_config"] = _quantization(checkpoint, spec)
    return options


def placed(model: Any, spec: ModelSpec) -> Any:
    """The model where the spec wants it; weights that were placed while loading stay there."""
    return model if spec.device_map is not None or spec.quantization != "none" else model.to(spec.device)


def _quantization(checkpoint: Checkpoint, spec: ModelSpec) -> Any:
    # It says at every layer of every call that int8 computes with float16 inputs.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    bare = skeleton(checkpoint)
    common: dict[str, Any] = {"llm_int8_skip_modules": kept_whole(bare)}
    if spec.quantization == "int8":
        return _hf.BitsAndBytesConfig(load_in_8bit=True, **common)
    _require_blocks(checkpoint, bare)
    return _hf.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype_of(bare.config, spec),
        **common,
    )


def _require_blocks(checkpoint: Checkpoint, bare: torch.nn.Module) -> None:
    for name, layer in quantizable(bare):
        if layer.in_features % _BLOCK:
            raise ModelError(
                f"quantization 'nf4' of {checkpoint.name!r}: layer {name} has {layer.in_features} inputs, "
                f"no multiple of {_BLOCK}: use int8"
            )


def _require(what: str, *packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            raise ModelError(
                f"{what} needs the package {package!r}: pip install 'dualstreambench[quant]', or leave it out"
            )

"""Model, tokenizer and image processor of a checkpoint, through transformers; from local files only."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import transformers

from shared.errors import ModelError
from shared.loading import LOADING
from shared.vlm.checkpoint import Checkpoint
from shared.vlm.placement import dtype_of, loading_options, placed
from shared.vlm.spec import ModelSpec

__all__ = ["Parts", "load_parts"]


class Parts(NamedTuple):
    """What a family adapter works with; all of it untyped in transformers."""

    model: Any
    tokenizer: Any
    images: Any
    """The image processor; its Pillow backend, so that scores do not move with what is installed."""


_hf: Any = transformers  # its stubs are partial


def _random_model(checkpoint: Checkpoint, spec: ModelSpec) -> Any:
    config = _hf.AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True)
    dtype = dtype_of(config, spec)  # asked first: building the model writes into its config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.random_weights or 0)
        attention = {"attn_implementation": spec.attn_implementation} if spec.attn_implementation else {}
        model = _hf.AutoModelForImageTextToText.from_config(config, dtype=torch.float32, **attention)
    return model.to(dtype)


def _trained_model(checkpoint: Checkpoint, spec: ModelSpec) -> Any:
    model, info = _hf.AutoModelForImageTextToText.from_pretrained(
        checkpoint.folder,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **loading_options(checkpoint, spec),
    )
    # transformers fills what is missing with random numbers and only warns.
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"checkpoint {checkpoint.name!r} lacks {len(missing)} weights, the first is {missing[0]!r}"
        )
    return model


def load_parts(checkpoint: Checkpoint, spec: ModelSpec) -> Parts:
    """Load all, in evaluation mode; sets the thread count of the whole process. Raises `ModelError`."""
    _hf.utils.logging.disable_progress_bar()
    torch.set_num_threads(spec.threads)
    made = _trained_model if spec.random_weights is None else _random_model
    try:
        with LOADING:
            model = placed(made(checkpoint, spec), spec).eval().requires_grad_(False)
        tokenizer = _hf.AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True)
        images = _hf.AutoImageProcessor.from_pretrained(
            checkpoint.folder, backend="pil", local_files_only=True
        )
    except ModelError:
        raise
    # transformers, safetensors and torch raise many kinds here; each means that this folder can't be loaded.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"model {checkpoint.name!r} can't be loaded on {spec.device_map or spec.device!r}: {reason}"
        ) from error
    if not tokenizer.chat_template:
        raise ModelError(
            f"model {checkpoint.name!r} has no chat template: add chat_template.jinja to its folder"
        )
    return Parts(model, tokenizer, images)

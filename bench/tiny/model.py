"""The tiny models' architecture: LLaVA with a small CLIP tower (16 patches, one a grid cell) and a small Llama.

A checkpoint folder is an ordinary Hugging Face one (fp16 safetensors) plus `dsb.json`; no pickles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from bench.tiny.tokenizer import IMAGE, build_tokenizer, token_id
from shared.video.synth import CELLS

__all__ = ["FRAME_PX", "Size", "build_model", "grown", "save_checkpoint"]

FRAME_PX = 96
_PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "processor_class": "LlavaProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"shortest_edge": FRAME_PX},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": FRAME_PX, "width": FRAME_PX},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


@dataclass(frozen=True)
class Size:
    """How large a model is."""

    width: int = 160
    layers: int = 6
    heads: int = 5
    mlp: int = 320
    vision_width: int = 128
    vision_layers: int = 2


def build_model(size: Size, *, seed: int) -> LlavaForConditionalGeneration:
    """A model with random weights that depend on `seed` alone."""
    tokenizer = build_tokenizer()
    vision = CLIPVisionConfig(
        hidden_size=size.vision_width,
        intermediate_size=2 * size.vision_width,
        projection_dim=size.vision_width,
        num_hidden_layers=size.vision_layers,
        num_attention_heads=4,
        image_size=FRAME_PX,
        patch_size=FRAME_PX // 4,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.width,
        intermediate_size=size.mlp,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=token_id(tokenizer, IMAGE),
        image_seq_length=CELLS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    return LlavaForConditionalGeneration(config)


def grown(folder: Path, *, seed: int) -> LlavaForConditionalGeneration:
    """The model of a checkpoint folder; words that its vocabulary lacks begin at random. To train on from there."""
    model = build_model(Size(), seed=seed)
    older = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).state_dict()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            value[: len(older[name])].copy_(older[name])
    return model


def save_checkpoint(
    model: LlavaForConditionalGeneration, folder: Path, *, meta: Mapping[str, Any], card: str
) -> None:
    """Write weights (fp16), tokenizer, chat template, image processor, `dsb.json` and the card to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.to(torch.float16) for name, value in model.state_dict().items()}
    tokenizer = build_tokenizer()
    half: Any = LlavaForConditionalGeneration(model.config)
    half.to(torch.float16).load_state_dict(state)
    half.generation_config.eos_token_id = tokenizer.eos_token_id
    half.generation_config.pad_token_id = tokenizer.pad_token_id
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(_PREPROCESSOR, indent=2) + "\n")
    (folder / "dsb.json").write_text(json.dumps(dict(meta), indent=2) + "\n")
    (folder / "README.md").write_text(card)
    for path in folder.iterdir():
        path.chmod(0o644)

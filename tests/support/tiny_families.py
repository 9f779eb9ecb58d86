"""Checkpoint folders of every family with random weights: real classes, small enough for a test, loaded the real way.

`save(model_type, folder)` writes one; `processor(model_type, folder)` is the library's own processor for images,
without the video half, which needs torchvision.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CORPUS = [
    "You watch a live video. Answer from what you have seen so far. Answer with the letter. Answer yes or no. "
    "Notes: Question: Options: A B C D 0123456789 red circle Describe the last frame. system user assistant 12.0s"
]
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}@IMAGE@{% elif c['type'] == 'video' %}@VIDEO@{% else %}{{ c['text'] }}{% endif %}\n"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.15,
}
CLIP = {
    "model_type": "clip_vision_model",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 56,
    "patch_size": 14,
    "projection_dim": 32,
    "initializer_range": 0.1,
}
SIGLIP = {
    "model_type": "siglip_vision_model",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 56,
    "patch_size": 14,
    "vision_use_head": False,
}
SQUARE = {"height": 56, "width": 56}
PINS = [[56, 56], [56, 112], [112, 56], [112, 112]]


def tokenizer(special: Mapping[str, str], *, image: str, video: str = "") -> Any:
    """Byte-level BPE with the family's special tokens and a chat template."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(CORPUS * 4, trainers.BpeTrainer(vocab_size=360, initial_alphabet=alphabet))
    made = hf.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        extra_special_tokens=dict(special),
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = CHAT.replace("@IMAGE@", image).replace("@VIDEO@", video)
    return made


def _text(tk: Any, model_type: str, **more: Any) -> dict[str, Any]:
    ids = {f"{name}_token_id": getattr(tk, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    return {**TEXT, "model_type": model_type, "vocab_size": len(tk), **ids, **more}


def _id(tk: Any, token: str) -> int:
    found = tk.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found


def _qwen(kind: str) -> tuple[Any, Any, Any]:
    names = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_start_token": "<|vision_start|>",
        "vision_end_token": "<|vision_end|>",
    }
    slot = "<|vision_start|>{}<|vision_end|>"
    tk = tokenizer(names, image=slot.format("<|image_pad|>"), video=slot.format("<|video_pad|>"))
    ids = {f"{name}_id": _id(tk, token) for name, token in names.items()}
    rope: dict[str, Any] = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6}
    patch = 16 if kind == "qwen3_vl" else 14
    pixels = hf.Qwen2VLImageProcessorPil(
        patch_size=patch, size={"shortest_edge": 56 * 56, "longest_edge": 6 * 6 * patch * patch}
    )
    tower: dict[str, Any] = {"num_heads": 4, "initializer_range": 0.1}
    if kind == "qwen2_vl":
        tower |= {"depth": 2, "embed_dim": 32, "hidden_size": 64, "mlp_ratio": 2}
        config: Any = hf.Qwen2VLConfig(
            text_config=_text(tk, "qwen2_vl_text", rope_parameters=rope), vision_config=tower, **ids
        )
        return hf.Qwen2VLForConditionalGeneration(config), tk, pixels
    tower |= {"depth": 3, "hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 64}
    if kind == "qwen2_5_vl":
        tower |= {"window_size": 56, "fullatt_block_indexes": [1], "tokens_per_second": 2}
        text = _text(tk, "qwen2_5_vl_text", rope_parameters=rope)
        config = hf.Qwen2_5_VLConfig(text_config=text, vision_config=tower, **ids)
        return hf.Qwen2_5_VLForConditionalGeneration(config), tk, pixels
    tower |= {
        "depth": 4,
        "patch_size": 16,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1, 2],
    }
    text = _text(tk, "qwen3_vl_text", head_dim=16, rope_parameters=rope | {"mrope_interleaved": True})
    config = hf.Qwen3VLConfig(text_config=text, vision_config=tower, **ids)
    return hf.Qwen3VLForConditionalGeneration(config), tk, pixels


def _llava() -> tuple[Any, Any, Any]:
    tk = tokenizer({"image_token": "<image>"}, image="<image>")
    config = hf.LlavaConfig(
        vision_config=CLIP,
        text_config=_text(tk, "llama"),
        image_token_index=_id(tk, "<image>"),
        image_seq_length=16,
    )
    pixels = hf.CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size=SQUARE)
    return hf.LlavaForConditionalGeneration(config), tk, pixels


def _with_video(kind: str) -> tuple[Any, Any, Any]:
    tk = tokenizer({"image_token": "<image>", "video_token": "<video>"}, image="<image>", video="<video>")
    ids = {"image_token_index": _id(tk, "<image>"), "video_token_index": _id(tk, "<video>")}
    if kind == "llava_onevision":
        config: Any = hf.LlavaOnevisionConfig(
            vision_config=SIGLIP, text_config=_text(tk, "qwen2"), image_grid_pinpoints=PINS, **ids
        )
        pixels: Any = hf.LlavaOnevisionImageProcessorPil(size=SQUARE, image_grid_pinpoints=PINS)
        return hf.LlavaOnevisionForConditionalGeneration(config), tk, pixels
    config = hf.LlavaNextVideoConfig(
        vision_config=CLIP, text_config=_text(tk, "llama"), image_grid_pinpoints=PINS[1:], **ids
    )
    pixels = hf.LlavaNextImageProcessorPil(
        size={"shortest_edge": 56}, crop_size=SQUARE, image_grid_pinpoints=PINS[1:]
    )
    return hf.LlavaNextVideoForConditionalGeneration(config), tk, pixels


def _internvl() -> tuple[Any, Any, Any]:
    names = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tk = tokenizer(names, image="<IMG_CONTEXT>", video="<video>")
    config = hf.InternVLConfig(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "image_size": (56, 56), "patch_size": (14, 14), "initializer_range": 0.1,
        },
        text_config=_text(tk, "qwen2"),
        image_token_id=_id(tk, "<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )  # fmt: skip
    pixels = hf.GotOcr2ImageProcessorPil(size=SQUARE, crop_to_patches=True, max_patches=4)
    return hf.InternVLForConditionalGeneration(config), tk, pixels


def _smolvlm() -> tuple[Any, Any, Any]:
    names = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
        "video_token": "<video>",
    }
    tk = tokenizer(names, image="<image>", video="<video>")
    config = hf.SmolVLMConfig(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "image_size": 64, "patch_size": 16, "initializer_range": 0.1,
        },
        text_config=_text(tk, "llama"),
        image_token_id=_id(tk, "<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
    )  # fmt: skip
    edge = {"longest_edge": 64}
    pixels = hf.SmolVLMImageProcessorPil(size=edge, max_image_size=edge, do_image_splitting=True)
    return hf.SmolVLMForConditionalGeneration(config), tk, pixels


def _minicpm(version: str) -> tuple[Any, Any, Any]:
    names = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "image_start_token": "<image>",
        "image_end_token": "</image>",
        "slice_start_token": "<slice>",
        "slice_end_token": "</slice>",
        "image_id_start_token": "<image_id>",
        "image_id_end_token": "</image_id>",
    }
    tk = tokenizer(names, image="<|image_pad|>", video="<|video_pad|>")
    rope = {
        "rope_type": "default", "rope_theta": 1e6, "partial_rotary_factor": 0.5,
        "mrope_section": [2, 1, 1], "mrope_interleaved": True,
    }  # fmt: skip
    text = _text(
        tk, "qwen3_5_text", head_dim=16, linear_key_head_dim=16, linear_value_head_dim=16,
        linear_num_key_heads=2, linear_num_value_heads=4, rope_parameters=rope,
        layer_types=["linear_attention", "full_attention", "linear_attention", "full_attention"],
    ) | {"num_hidden_layers": 4}  # fmt: skip
    settings: dict[str, Any] = {
        "text_config": text,
        "vision_config": {
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "image_size": 112, "patch_size": 14,
        },
        "insert_layer_id": 0,
        "image_size": 112,
        "image_token_id": _id(tk, "<|image_pad|>"),
        "video_token_id": _id(tk, "<|video_pad|>"),
    }  # fmt: skip
    pixels = hf.MiniCPMV4_6ImageProcessorPil(
        scale_resolution=112, slice_mode=True, use_image_id=True, patch_size=14
    )
    if version == "minicpmv4_6":
        return hf.MiniCPMV4_6ForConditionalGeneration(hf.MiniCPMV4_6Config(**settings)), tk, pixels
    settings |= {
        "image_start_id": _id(tk, "<image>"),
        "image_end_id": _id(tk, "</image>"),
        "slice_start_id": _id(tk, "<slice>"),
        "slice_end_id": _id(tk, "</slice>"),
        "newline_id": _id(tk, "Ċ"),
    }
    return hf.MiniCPMV4_7ForConditionalGeneration(hf.MiniCPMV4_7Config(**settings)), tk, pixels


MODEL_TYPES: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "qwen2_vl": lambda: _qwen("qwen2_vl"),
    "qwen2_5_vl": lambda: _qwen("qwen2_5_vl"),
    "qwen3_vl": lambda: _qwen("qwen3_vl"),
    "llava": _llava,
    "llava_onevision": lambda: _with_video("llava_onevision"),
    "llava_next_video": lambda: _with_video("llava_next_video"),
    "internvl": _internvl,
    "smolvlm": _smolvlm,
    "minicpmv4_6": lambda: _minicpm("minicpmv4_6"),
    "minicpmv4_7": lambda: _minicpm("minicpmv4_7"),
}
BACKENDS = {
    "qwen2_vl": "qwen", "qwen2_5_vl": "qwen", "qwen3_vl": "qwen", "llava": "llava",
    "llava_onevision": "llava-onevision", "llava_next_video": "llava_next_video", "internvl": "internvl",
    "smolvlm": "smolvlm", "minicpmv4_6": "minicpm", "minicpmv4_7": "minicpm",
}  # fmt: skip


def save(model_type: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a checkpoint of that type: weights, tokenizer with its template, image processor."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, tk, pixels = MODEL_TYPES[model_type]()
        with torch.no_grad():  # no layer may be degenerate
            for weight in model.parameters():
                weight.add_(0.02 * torch.randn_like(weight))
    model.generation_config.eos_token_id = tk.eos_token_id
    model.generation_config.pad_token_id = tk.pad_token_id
    model.save_pretrained(folder)
    tk.save_pretrained(folder)
    pixels.save_pretrained(folder)
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    assert kind == model_type
    return folder


_PROCESSORS = {
    "qwen2_vl": "Qwen2VLProcessor",
    "qwen2_5_vl": "Qwen2_5_VLProcessor",
    "qwen3_vl": "Qwen3VLProcessor",
    "llava": "LlavaProcessor",
    "llava_onevision": "LlavaOnevisionProcessor",
    "llava_next_video": "LlavaNextVideoProcessor",
    "internvl": "InternVLProcessor",
    "smolvlm": "SmolVLMProcessor",
    "minicpmv4_6": "MiniCPMV4_6Processor",
    "minicpmv4_7": "MiniCPMV4_7Processor",
}
_SETTINGS: dict[str, dict[str, Any]] = {
    "llava": {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1},
    "llava_onevision": {"num_image_tokens": 16, "vision_feature_select_strategy": "full"},
    "llava_next_video": {
        "patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1,
    },
    "internvl": {"image_seq_length": 4},
    "smolvlm": {"image_seq_len": 4},
}  # fmt: skip


class _NoVideo:
    """Stands where a video processor would: the real ones need torchvision, and pictures don't ask it anything."""

    slice_mode = False
    downsample_mode = "16x"


def processor(model_type: str, folder: Path) -> Any:
    """The library's own processor of a checkpoint that `save` wrote, for pictures."""
    known: Any = getattr(hf, _PROCESSORS[model_type])

    class Pictures(known):  # type: ignore[misc]
        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            if not isinstance(argument, _NoVideo):
                return super().check_argument_for_proper_class(argument_name, argument)
            return _NoVideo

    tk = hf.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    pixels = hf.AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
    video = {} if model_type == "llava" else {"video_processor": _NoVideo()}
    settings = _SETTINGS.get(model_type, {})
    return Pictures(image_processor=pixels, tokenizer=tk, chat_template=tk.chat_template, **video, **settings)
